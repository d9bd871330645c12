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
    filled,
)
from .per_example_formulas import Call, check_supported


@dataclass
class Layer:
    """A module with parameters of its own that are trained, and its calls in one pass.

    ``params`` are those parameters by their name in the module; ``full_names`` are their names in
    the model, in the same order. ``calls`` has the input and the gradient at the output of each
    call that the loss depends on.
    """

    module: nn.Module
    params: dict[str, nn.Parameter]
    full_names: list[str]
    calls: list[Call] = field(default_factory=list)


@dataclass
class _Watched:
    """A layer while the model runs: the input of each call, and where its output is in the graph.

    The edge stays right where the next layer works in place on the output; the output itself
    would then stand for the next layer's result.
    """

    layer: Layer
    name: str
    inputs: list[Tensor] = field(default_factory=list)
    edges: list[GradientEdge] = field(default_factory=list)


@torch.enable_grad()
def backward_with_capture(
    model: nn.Module, loss_fn: LossFunction, inputs: Tensor, targets: Tensor
) -> tuple[dict[str, Tensor], list[Layer]]:
    """The gradient of the summed loss for each trained parameter, and the layers with their calls.

    Raises
    ------
    ShapeError
        When ``loss_fn`` does not return one loss per example, or a layer's input does not have
        the examples as its first dimension.
    CourseError
        When a layer couples the examples, is of a type this cannot do, or shares its parameters.
    """
    watched = _trained_layers(model)
    with _Recording(watched, inputs) as recording:
        losses = example_losses(model, loss_fn, inputs, targets)
    _check_parameters_stay_in_their_layer(watched, losses)
    if recording.ambiguous and inputs.shape[0] > 1:
        _check_shapes_with_one_example(model, inputs)
    params = {
        name: parameter
        for each in watched
        for name, parameter in zip(each.layer.full_names, each.layer.params.values(), strict=True)
    }
    sources: list[Any] = [*params.values(), *(edge for each in watched for edge in each.edges)]
    gradients = torch.autograd.grad(losses.sum(), sources, allow_unused=True)
    arriving = iter(gradients[len(params) :])
    for each in watched:
        pairs = [(value, next(arriving)) for value in each.inputs]
        each.layer.calls = [(value, delta) for value, delta in pairs if delta is not None]
    total = {
        name: filled(gradient, parameter)
        for (name, parameter), gradient in zip(params.items(), gradients, strict=False)
    }
    return total, [each.layer for each in watched]


def _trained_layers(model: nn.Module) -> list[_Watched]:
    watched = []
    for name, module in model.named_modules():
        check_module_keeps_examples_separate(name, module)
        own = {key: p for key, p in module._parameters.items() if p is not None and p.requires_grad}
        if own:
            check_supported(name, module, own)
            full_names = [f"{name}.{key}" if name else key for key in own]
            watched.append(_Watched(Layer(module, own, full_names), name))
    return watched


class _Recording:
    """Records the calls of the layers while it is entered, and leaves no hook behind.

    ``ambiguous`` tells whether some input's first dimension could have the number of examples by
    coincidence: another dimension is as large, or the input was not computed from the examples
    as far as one can see (position numbers, for instance).
    """

    def __init__(self, watched: Sequence[_Watched], inputs: Tensor) -> None:
        self.ambiguous = False
        self._watched, self._inputs = watched, inputs

    def __enter__(self) -> "_Recording":
        # First in line, so that they see the output before another hook replaces it.
        self._handles = [
            each.layer.module.register_forward_hook(
                self._recorder(each), prepend=True, with_kwargs=True
            )
            for each in self._watched
        ]
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _recorder(self, each: _Watched) -> Any:
        num_examples = self._inputs.shape[0]

        def record(_: nn.Module, args: tuple[Any, ...], kwargs: Any, output: Tensor) -> None:
            value: Tensor = args[0] if args else kwargs["input"]
            shape = value.shape
            if not shape or shape[0] != num_examples:
                raise _examples_not_first(each.name, shape, num_examples)
            if shape.count(num_examples) > 1 or not (
                value.requires_grad or value is self._inputs or _share_memory(value, self._inputs)
            ):
                self.ambiguous = True
            if output.requires_grad:
                each.inputs.append(value.detach())
                each.edges.append(get_gradient_edge(output))

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


def _check_parameters_stay_in_their_layer(watched: Sequence[_Watched], losses: Tensor) -> None:
    """Compare how often the loss reads each parameter with how often its layer was called."""
    uses = _count_uses(losses)
    for each in watched:
        for name, parameter in zip(each.layer.full_names, each.layer.params.values(), strict=True):
            if uses[id(parameter)] > len(each.inputs):
                raise CourseError(
                    f"parameter {name!r} is used {uses[id(parameter)]} times but its layer was "
                    f"called {len(each.inputs)} times: it is tied to another layer, or used "
                    "without calling its layer. Use gradients_by_loop or gradients_by_vmap."
                )


def _count_uses(losses: Tensor) -> Counter[int]:
    """How many operations in the graph of the losses read each parameter, by its ``id``."""
    uses: Counter[int] = Counter()
    waiting: list[Any] = [losses.grad_fn] if losses.grad_fn else []
    seen = set(waiting)
    while waiting:
        for node, _ in waiting.pop().next_functions:
            if type(node).__name__ == "AccumulateGrad":  # where the graph ends in a parameter
                uses[id(node.variable)] += 1
            elif node is not None and node not in seen:
                seen.add(node)
                waiting.append(node)
    return uses
