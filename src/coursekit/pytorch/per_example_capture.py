"""One backward pass that keeps, for each call of each layer, its input and output gradient.

These two tensors are all it takes: the gradient of one example in a layer depends on that
example's rows of them and on nothing else. Where this would not be true (a parameter used by two
layers, or past its layer; an input whose first dimension is not the examples), the pass refuses.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge

from ..errors import CourseError, ShapeError
from .per_example_contract import (
    LossFunction,
    check_module_keeps_examples_separate,
    example_losses,
)
from .per_example_formulas import Call, check_supported


@dataclass
class Layer:
    """A module with parameters of its own that are trained, and its calls in one pass.

    ``params`` are those parameters by their name in the module; ``full_names`` are their names in
    the model, in the same order. Each call that the loss may depend on leaves its input and the
    place of its output in the graph: that edge stays right where the next layer works in place on
    the output, which then stands for the next layer's result. ``versions`` count the changes in
    place that the inputs had seen by then. ``calls`` has the input and the gradient at the output
    of each call that the loss does depend on.
    """

    name: str
    module: nn.Module
    params: dict[str, nn.Parameter]
    full_names: list[str]
    inputs: list[Tensor] = field(default_factory=list)
    versions: list[int] = field(default_factory=list)
    edges: list[GradientEdge] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)


@torch.enable_grad()
def backward_with_capture(
    model: nn.Module, loss_fn: LossFunction, inputs: Tensor, targets: Tensor
) -> list[Layer]:
    """The layers that are trained, with their calls; the gradients are those of the summed loss.

    Raises
    ------
    ShapeError
        When ``loss_fn`` does not return one loss per example, or a layer's input does not have
        the examples as its first dimension.
    CourseError
        When a layer couples the examples, is of a type this cannot do, or shares its parameters;
        or its input is changed in place afterwards.
    """
    layers = _trained_layers(model)
    with _Recording(layers, inputs) as recording:
        losses = example_losses(model, loss_fn, inputs, targets)
    _check_parameters_stay_in_their_layer(layers, losses)
    _check_inputs_are_as_they_were(layers)
    if recording.ambiguous and inputs.shape[0] > 1:
        _check_shapes_with_one_example(model, inputs)
    edges = [edge for layer in layers for edge in layer.edges]
    if edges:  # only these gradients: the backward pass then leaves the parameters' own out
        found = torch.autograd.grad(losses, edges, torch.ones_like(losses), allow_unused=True)
        deltas = iter(found)
        for layer in layers:
            pairs = [(value, next(deltas)) for value in layer.inputs]
            layer.calls = [(value, delta) for value, delta in pairs if delta is not None]
    return layers


def _trained_layers(model: nn.Module) -> list[Layer]:
    layers = []
    for name, module in model.named_modules():
        check_module_keeps_examples_separate(name, module)
        own = {key: p for key, p in module._parameters.items() if p is not None and p.requires_grad}
        if own:
            check_supported(name, module, own)
            full_names = [f"{name}.{key}" if name else key for key in own]
            layers.append(Layer(name, module, own, full_names))
    return layers


class _Recording:
    """Records the calls of the layers while it is entered, and leaves no hook behind.

    ``ambiguous`` tells whether some input's first dimension could have the number of examples by
    coincidence: another dimension is as large, or the input was not computed from the examples
    as far as one can see (position numbers, for instance).
    """

    def __init__(self, layers: Sequence[Layer], inputs: Tensor) -> None:
        self.ambiguous = False
        self._layers, self._inputs = layers, inputs

    def __enter__(self) -> "_Recording":
        # First in line, so that they see the output before another hook replaces it.
        self._handles = [
            layer.module.register_forward_hook(
                self._recorder(layer), prepend=True, with_kwargs=True
            )
            for layer in self._layers
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _recorder(self, layer: Layer) -> Any:
        inputs = self._inputs
        num_examples = inputs.shape[0]

        def record(_: nn.Module, args: tuple[Any, ...], kwargs: Any, output: Tensor) -> None:
            value: Tensor = args[0] if args else kwargs["input"]
            shape = value.shape
            if not shape or shape[0] != num_examples:
                raise _examples_not_first(layer.name, shape, num_examples)
            if shape.count(num_examples) > 1 or not (
                value.requires_grad or value is inputs or _share_memory(value, inputs)
            ):
                self.ambiguous = True
            if output.requires_grad:
                layer.inputs.append(value.detach())
                layer.versions.append(value._version)
                layer.edges.append(get_gradient_edge(output))

        return record


def _share_memory(one: Tensor, other: Tensor) -> bool:
    return one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def _examples_not_first(name: str, shape: torch.Size, num_examples: int) -> ShapeError:
    return ShapeError(
        f"layer {name!r} got an input of shape {tuple(shape)} for {num_examples} "
        "examples; the first dimension must be the examples. Batch first instead of sequence "
        "first, and for positions: torch.arange(seq_len).expand(num_examples, seq_len)."
    )


def _check_shapes_with_one_example(model: nn.Module, inputs: Tensor) -> None:
    """Run one example alone: where the examples come first, every first dimension becomes 1."""
    devices = [inputs.device] if inputs.is_cuda else []
    alone = _Recording(_trained_layers(model), inputs[:1])
    with torch.random.fork_rng(devices), torch.no_grad(), alone:
        model(inputs[:1])


def _check_parameters_stay_in_their_layer(layers: Sequence[Layer], losses: Tensor) -> None:
    """Compare how often the loss reads each parameter with how often its layer was called."""
    uses = Counter(_parameters_read(losses))
    for layer in layers:
        for name, parameter in zip(layer.full_names, layer.params.values(), strict=True):
            if uses[id(parameter)] > len(layer.inputs):
                raise CourseError(
                    f"parameter {name!r} is used {uses[id(parameter)]} times but its layer was "
                    f"called {len(layer.inputs)} times: it is tied to another layer, or used "
                    "without calling its layer. Use gradients_by_loop or gradients_by_vmap."
                )


def _check_inputs_are_as_they_were(layers: Sequence[Layer]) -> None:
    """Autograd checks this where it needs an input; here the formulas need it after the pass."""
    for layer in layers:
        now = [value._version for value in layer.inputs]
        if now != layer.versions and "weight" in layer.params:
            raise CourseError(
                f"the input of layer {layer.name!r} was changed in place after the layer had read "
                "it, so its gradient is lost; make a new tensor: x = x + 1 for x += 1."
            )


def _parameters_read(losses: Tensor) -> list[int]:
    """The ``id`` of a parameter for each time that an operation in the graph reads it."""
    read = []
    nodes: list[Any] = [losses.grad_fn] if losses.grad_fn else []
    seen = {None, *nodes}
    for node in nodes:  # grows on the way
        for source, _ in node.next_functions:
            if type(source).__name__ == "AccumulateGrad":  # the graph ends in a parameter
                read.append(id(source.variable))
            elif source not in seen:
                seen.add(source)
                nodes.append(source)
    return read
