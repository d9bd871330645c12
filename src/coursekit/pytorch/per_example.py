"""Per-example gradients of a PyTorch model, four ways. Each adds one idea to the one before.

1. `gradients_by_loop`: a backward pass per example. The definition, and the reference.
2. `gradients_by_vmap`: the same function, written once and mapped over the batch by `torch.func`.
3. `gradients_by_hooks`: one backward pass for all; each layer's gradient is put together from its
   input and the gradient at its output.
4. `gradient_statistics`: mean, norms and covariance trace from the same two tensors, without ever
   holding the gradient of a single example. Little more than a plain backward pass.

All four take ``(model, loss_fn, inputs, targets)``. Examples are the rows (first dimension) of
``inputs`` and ``targets``; ``loss_fn(outputs, targets)`` returns one loss per example, shape
``(B,)``. The model is left as it was found: no hooks, ``.grad`` and mode untouched. A layer that
draws random numbers (dropout in training mode) draws others in each road.
"""

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from .per_example_contract import (
    LossFunction,
    check_examples_are_separate,
    example_losses,
    filled,
    trained_parameters,
)
from .per_example_hooks import gradients_by_hooks
from .per_example_statistics import GradientStatistics, gradient_statistics

__all__ = [
    "GradientStatistics",
    "gradient_statistics",
    "gradients_by_hooks",
    "gradients_by_loop",
    "gradients_by_vmap",
]


@torch.enable_grad()
def gradients_by_loop(
    model: nn.Module, loss_fn: LossFunction, inputs: Tensor, targets: Tensor
) -> dict[str, Tensor]:
    """Each example's gradient, by a backward pass of its own.

    Returns, for each parameter that requires a gradient, a tensor ``(B, *parameter.shape)``.
    Works for every model whose examples do not depend on each other.

    Raises
    ------
    ShapeError
        When ``loss_fn`` does not return one loss per example.
    CourseError
        When the model has BatchNorm in training mode, which couples the examples.
    """
    check_examples_are_separate(model)
    params = trained_parameters(model)
    rows: dict[str, list[Tensor]] = {name: [] for name in params}
    for example in range(len(inputs)):
        one = slice(example, example + 1)
        loss = example_losses(model, loss_fn, inputs[one], targets[one]).sum()
        gradients = torch.autograd.grad(loss, list(params.values()), allow_unused=True)
        for (name, parameter), gradient in zip(params.items(), gradients, strict=True):
            rows[name].append(filled(gradient, parameter))
    return {name: torch.stack(gradients) for name, gradients in rows.items()}


def gradients_by_vmap(
    model: nn.Module, loss_fn: LossFunction, inputs: Tensor, targets: Tensor
) -> dict[str, Tensor]:
    """Each example's gradient, by `torch.func.grad` mapped over the batch with `torch.func.vmap`.

    Returns and raises what `gradients_by_loop` does. torch refuses a model that draws random
    numbers or branches on values.
    """
    check_examples_are_separate(model)
    params = {name: p.detach() for name, p in trained_parameters(model).items()}

    def loss_of_one(params: dict[str, Tensor], example: Tensor, target: Tensor) -> Tensor:
        def run(batch: Tensor) -> Tensor:
            outputs: Tensor = functional_call(model, params, (batch,))
            return outputs

        return example_losses(run, loss_fn, example[None], target[None]).sum()

    per_example: dict[str, Tensor] = vmap(grad(loss_of_one), in_dims=(None, 0, 0))(
        params, inputs, targets
    )
    return per_example
