"""For each type of layer: the gradient of every example, or only their mean and norms.

A call of a layer is a pair: its input and the gradient at its output, both with the examples as
first dimension. With t over the positions inside an example (words, pixels; a single one where
there are none), the gradient of one example is, by family,

- *a sum of outer products*, Σ_t δ_t a_tᵀ: Linear and convolutions, where a_t is the input at t (for
  a convolution the patch under the kernel) and δ_t the gradient at the output;
- *a sum of elementwise products*, Σ_t δ_t * â_t: the scale of a normalization, â_t normalized;
- *a sum into rows*, δ_t added to row index_t: Embedding.

A layer that is called several times adds up over its calls: they are further positions.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import CourseError

Call = tuple[Tensor, Tensor]
"""(input, gradient at the output), each with the examples as first dimension."""

Summary = tuple[Tensor, Tensor]
"""(mean gradient with the parameter's shape, norm of each example's gradient ``(B,)``)."""

OUTER = (nn.Linear, nn.Conv1d, nn.Conv2d)
SCALE = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
SUPPORTED = (*OUTER, *SCALE, nn.Embedding)
_KNOWN_FORWARDS = {layer.forward for layer in SUPPORTED}

_CHUNK_ENTRIES = 1 << 22  # 16 MB of float32: the largest intermediate, one example at least


def check_supported(name: str, module: nn.Module, param_names: Iterable[str]) -> None:
    """Raise CourseError unless the formulas below are right for these parameters of the layer."""
    kind = type(module).__name__
    # A subclass, or an instance, may have a forward of its own; weight_norm renames the weight.
    forward = getattr(module.forward, "__func__", None)
    if forward not in _KNOWN_FORWARDS or not {"weight", "bias"}.issuperset(param_names):
        known = ", ".join(layer.__name__ for layer in SUPPORTED)
        raise CourseError(
            f"layer {name!r} ({kind}) has trained parameters ({', '.join(param_names)}) without a "
            f"formula here; known are weight and bias of {known}. Use gradients_by_loop or "
            "gradients_by_vmap, build it from known layers (attention: one Linear each for query, "
            "key, value and output), or freeze it with requires_grad_(False)."
        )
    if isinstance(module, nn.Embedding):
        for option in ("max_norm", "scale_grad_by_freq", "sparse"):
            if getattr(module, option):
                raise CourseError(
                    f"layer {name!r} is an Embedding with {option}={getattr(module, option)}, "
                    "which this cannot do; switch the option off, or use gradients_by_loop."
                )


def gradients(module: nn.Module, calls: list[Call]) -> dict[str, Tensor]:
    """Each example's gradient: ``(B, *shape)`` for each parameter of the layer."""
    if isinstance(module, OUTER):
        a, delta = _factors(module, calls)
        weight = _sum_of_outer_products(a, delta).reshape(a.shape[0], *module.weight.shape)
        return {"weight": weight, "bias": delta.sum(2).flatten(1)}
    if isinstance(module, SCALE):
        return _scale_gradients(module, calls)
    assert isinstance(module, nn.Embedding)
    rows, totals = _row_totals(module, calls)
    weight = totals.new_zeros(calls[0][0].shape[0] * module.num_embeddings, module.embedding_dim)
    weight[rows] = totals
    return {"weight": weight.reshape(-1, *module.weight.shape)}


def means_and_norms(module: nn.Module, calls: list[Call]) -> dict[str, Summary]:
    """For each parameter of the layer, the mean gradient and the norm of each example's.

    Agrees with `gradients`, and holds at most a few examples' gradients at a time.
    """
    if isinstance(module, nn.Linear) and len(calls) == 1 and calls[0][0].dim() == 2:
        a, delta = calls[0]
        a_norms, delta_norms = _norms(a), _norms(delta)
        # (1/B) δᵀ a in one call; with beta = 0 the weight lends its shape only.
        mean = torch.addmm(module.weight.detach(), delta.mT, a, beta=0, alpha=1 / a.shape[0])
        return {
            "weight": (mean, a_norms.mul_(delta_norms)),  # |δ aᵀ| = |δ| |a|
            "bias": (delta.mean(0), delta_norms),
        }
    if isinstance(module, OUTER):
        a, delta = _factors(module, calls)
        mean, norms = _outer_mean_and_norms(a, delta)
        biases = delta.sum(2).flatten(1)
        return {
            "weight": (mean.reshape(module.weight.shape), norms),
            "bias": (biases.mean(0), _norms(biases)),
        }
    if isinstance(module, SCALE):
        found = _scale_gradients(module, calls)
        return {name: (each.mean(0), _norms(each)) for name, each in found.items()}
    assert isinstance(module, nn.Embedding)
    rows, totals = _row_totals(module, calls)
    num_examples = calls[0][0].shape[0]
    total = totals.new_zeros(module.weight.shape)
    total.index_add_(0, rows % module.num_embeddings, totals)
    squares = totals.new_zeros(num_examples)
    squares.index_add_(0, rows // module.num_embeddings, _norms(totals).square_())
    return {"weight": (total.div_(num_examples), squares.sqrt_())}


def _norms(each: Tensor) -> Tensor:
    """The norm of each row, shape ``(rows,)``; all that is in a row counts."""
    norms: Tensor = torch.linalg.vector_norm(each.flatten(1), dim=1)
    return norms


def _factors(module: nn.Linear | nn.Conv1d | nn.Conv2d, calls: list[Call]) -> tuple[Tensor, Tensor]:
    """Inputs a ``(B, groups, positions, fan_in)`` and δ ``(B, groups, positions, fan_out)``."""
    pairs = [
        (_patches(module, value), _split(delta, module.groups))
        if isinstance(module, (nn.Conv1d, nn.Conv2d))
        else (
            value.reshape(value.shape[0], 1, -1, module.in_features),
            delta.reshape(delta.shape[0], 1, -1, module.out_features),
        )
        for value, delta in calls
    ]
    a, delta = zip(*pairs, strict=True)
    return (a[0], delta[0]) if len(pairs) == 1 else (torch.cat(a, 2), torch.cat(delta, 2))


def _patches(module: nn.Conv1d | nn.Conv2d, value: Tensor) -> Tensor:
    """What lies under the kernel at each position, ``(B, groups, positions, fan_in)``."""
    # The padding of each side as F.pad wants it, 'same' and 'valid' worked out as well.
    padding = list(module._reversed_padding_repeated_twice)
    if any(padding):
        mode = "constant" if module.padding_mode == "zeros" else module.padding_mode
        value = functional.pad(value, padding, mode=mode)
    kernel, dilation, stride = module.kernel_size, module.dilation, module.stride
    if isinstance(module, nn.Conv1d):  # an image one pixel high
        value = value.unsqueeze(2)
        kernel, dilation, stride = (1, *kernel), (1, *dilation), (1, *stride)
    return _split(functional.unfold(value, kernel, dilation=dilation, stride=stride), module.groups)


def _split(channels_first: Tensor, groups: int) -> Tensor:
    """``(B, groups * c, *positions)`` as ``(B, groups, positions, c)``."""
    num_examples, channels = channels_first.shape[:2]
    return channels_first.reshape(num_examples, groups, channels // groups, -1).mT


def _sum_of_outer_products(a: Tensor, delta: Tensor) -> Tensor:
    """Σ_t δ_t a_tᵀ for each example and group, ``(B, groups, fan_out, fan_in)``."""
    if a.shape[2] == 1:  # the same product, without the detour over a matrix multiplication
        return delta.mT * a
    return delta.mT @ a


def _outer_mean_and_norms(a: Tensor, delta: Tensor) -> Summary:
    """Mean over the examples of Σ_t δ_t a_tᵀ, ``(groups, fan_out, fan_in)``, and its norms.

    By the cheaper of two roads. Either form each example's sum, T·p·q products for T positions,
    fan-in p and fan-out q; or take the norms from the Gram matrices of positions,
    Σ_tu (a_t·a_u)(δ_t·δ_u), T²·(p + q) products, and the mean from one product of matrices in
    which the examples are further positions.

    Source: Goodfellow 2015, arXiv:1510.01799 (T = 1); Li et al. 2022, arXiv:2110.05679,
    section 4 (the Gram matrices).
    """
    num_examples, groups, positions, fan_in = a.shape
    fan_out = delta.shape[3]
    use_gram = positions * (fan_in + fan_out) < fan_in * fan_out
    entries = groups * (positions**2 if use_gram else fan_in * fan_out)
    few = max(1, _CHUNK_ENTRIES // entries)
    total, norms = a.new_zeros(groups, fan_out, fan_in), []
    for start in range(0, num_examples, few):
        some = slice(start, start + few)
        if use_gram:
            products = (a[some] @ a[some].mT) * (delta[some] @ delta[some].mT)
            norms.append(products.flatten(1).sum(1).clamp_(min=0).sqrt_())
        else:
            sums = _sum_of_outer_products(a[some], delta[some])
            norms.append(_norms(sums))
            total += sums.sum(0)
    if use_gram:
        a_rows, delta_rows = (each.transpose(0, 1).flatten(1, 2) for each in (a, delta))
        total = delta_rows.mT @ a_rows
    return total.div_(num_examples), torch.cat(norms)


def _scale_gradients(
    module: nn.LayerNorm | nn.GroupNorm | nn.RMSNorm, calls: list[Call]
) -> dict[str, Tensor]:
    total: dict[str, Tensor] = {}
    for value, delta in calls:
        if isinstance(module, nn.GroupNorm):  # (B, channels, *positions)
            normalized = functional.group_norm(value, module.num_groups, eps=module.eps)
            products = (delta * normalized).reshape(*value.shape[:2], -1)
            found = {"weight": products.sum(2), "bias": delta.reshape(products.shape).sum(2)}
        else:  # (B, *positions, *normalized_shape)
            shape = list(module.normalized_shape)
            if isinstance(module, nn.LayerNorm):
                normalized = functional.layer_norm(value, shape, eps=module.eps)
            else:
                normalized = functional.rms_norm(value, shape, eps=module.eps)
            products = (delta * normalized).reshape(value.shape[0], -1, *shape)
            found = {"weight": products.sum(1), "bias": delta.reshape(products.shape).sum(1)}
        total = {name: total[name] + each if total else each for name, each in found.items()}
    return total


def _row_totals(module: nn.Embedding, calls: list[Call]) -> tuple[Tensor, Tensor]:
    """The rows that each example looked up, and the sum of δ for each.

    Row r of example b has the number ``b * num_embeddings + r``, so that examples stay apart.
    """
    indices = torch.cat([value.reshape(value.shape[0], -1) for value, _ in calls], 1)
    delta = torch.cat([d.reshape(d.shape[0], -1, module.embedding_dim) for _, d in calls], 1)
    first_rows = torch.arange(indices.shape[0], device=indices.device) * module.num_embeddings
    numbers = (indices + first_rows[:, None]).flatten()
    delta = delta.flatten(0, 1)
    if module.padding_idx is not None:  # that row is not trained
        kept = indices.flatten() != module.padding_idx
        numbers, delta = numbers[kept], delta[kept]
    rows, places = torch.unique(numbers, return_inverse=True)
    totals = delta.new_zeros(rows.shape[0], module.embedding_dim)
    return rows, totals.index_add_(0, places, delta)
