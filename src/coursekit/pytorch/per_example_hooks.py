"""The third road: every example's gradient from one backward pass."""

from torch import Tensor, nn

from .per_example_capture import backward_with_capture
from .per_example_contract import LossFunction
from .per_example_formulas import gradients


def gradients_by_hooks(
    model: nn.Module, loss_fn: LossFunction, inputs: Tensor, targets: Tensor
) -> dict[str, Tensor]:
    """Each example's gradient, put together layer by layer after one backward pass.

    Returns what `gradients_by_loop` does: for each parameter that requires a gradient a tensor
    ``(B, *parameter.shape)``. Knows Linear, Conv1d, Conv2d, LayerNorm, GroupNorm, RMSNorm and
    Embedding, called any number of times, on inputs with or without positions ``(B, ..., d)``.

    Raises
    ------
    ShapeError
        When ``loss_fn`` does not return one loss per example, or a layer's input does not have
        the examples as its first dimension.
    CourseError
        When a layer couples the examples, is of another type, or shares its parameters.
    """
    per_example = {}
    for layer in backward_with_capture(model, loss_fn, inputs, targets):
        found = gradients(layer.module, layer.calls) if layer.calls else {}
        for key, name in zip(layer.params, layer.full_names, strict=True):
            # Without a call the loss does not depend on the parameter.
            none = (inputs.shape[0], *layer.params[key].shape)
            per_example[name] = found[key] if found else layer.params[key].new_zeros(none)
    return per_example
