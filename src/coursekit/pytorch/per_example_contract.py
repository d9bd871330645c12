"""What all four roads to per-example gradients ask of a model and a loss function."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..errors import CourseError, ShapeError

LossFunction = Callable[[Tensor, Tensor], Tensor]
"""``loss_fn(outputs, targets)`` returns one loss per example, shape ``(B,)``, not their mean.

So there is never a doubt by how much a gradient is divided. For example
``functools.partial(torch.nn.functional.cross_entropy, reduction="none")``.
"""


def trained_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that require a gradient, by name; one that is tied appears once."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def check_examples_are_separate(model: nn.Module) -> None:
    """Raise CourseError where a layer mixes the examples of a batch."""
    for name, module in model.named_modules():
        check_module_keeps_examples_separate(name, module)


def check_module_keeps_examples_separate(name: str, module: nn.Module) -> None:
    """Raise CourseError if this one layer mixes the examples of a batch."""
    if isinstance(module, _BatchNorm) and module.training:
        raise CourseError(
            f"layer {name!r} is a {type(module).__name__} in training mode: it normalizes each "
            "example by the statistics of the whole batch, so an example has no gradient of "
            "its own. Use model.eval() (running statistics), GroupNorm or LayerNorm."
        )


def example_losses(
    model: Callable[[Tensor], Tensor], loss_fn: LossFunction, inputs: Tensor, targets: Tensor
) -> Tensor:
    """``loss_fn(model(inputs), targets)``, with its shape checked.

    Raises
    ------
    ShapeError
        When it is not one loss for each of the examples, the rows of ``inputs``.
    """
    num_examples = inputs.shape[0]
    if targets.shape[:1] != (num_examples,) or num_examples == 0:
        raise ShapeError(
            f"inputs {tuple(inputs.shape)} and targets {tuple(targets.shape)}; both need the "
            "examples as first dimension, and at least one."
        )
    losses = loss_fn(model(inputs), targets)
    if losses.shape != (num_examples,):
        raise ShapeError(
            f"loss_fn returned shape {tuple(losses.shape)} for {num_examples} examples; it needs "
            f"({num_examples},), one loss per example. Pass reduction='none', as in "
            "functools.partial(F.cross_entropy, reduction='none'), and average over positions "
            "inside loss_fn."
        )
    return losses


def filled(gradient: Tensor | None, parameter: Tensor) -> Tensor:
    """The gradient; zeros where the loss does not depend on the parameter."""
    return torch.zeros_like(parameter) if gradient is None else gradient
