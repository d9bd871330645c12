"""Attention in PyTorch: with the table, and tile by tile with gradients by recomputation.

`tiled_attention` is `coursekit.attention.tiled_attention` as an autograd function: it keeps query,
key, value, output and one number a row for the backward pass, and computes the weights again there.
For work use `torch.nn.functional.scaled_dot_product_attention`, which does the same in one kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from ..attention.shapes import check_tiles, tiles, visible_end
from ..attention.tiled import KV_TILE, QUERY_TILE
from ..errors import CourseError, ShapeError


def naive_attention(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False, offset: int = 0
) -> Tensor:
    """softmax(Q Kᵀ/√d) V through the table of scores; autograd keeps a second table.

    Query ``(..., num_heads, n, head_dim)``, key and value ``(..., num_kv_heads, m, head_dim)``;
    ``causal`` and ``offset`` as in `coursekit.attention.attention`. Rows without keys are 0.

    Raises
    ------
    ShapeError
        When the shapes do not fit each other.
    """
    q, k, v = _by_group(query, key, value, causal, offset)
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    hidden = _hidden(scores, slice(0, scores.shape[-2]), slice(0, scores.shape[-1]), causal, offset)
    if hidden is not None:
        scores = scores.masked_fill(hidden, -math.inf)
    if hidden is not None and offset < 0:  # the first rows see nothing
        nothing = hidden.all(dim=-1, keepdim=True)
        weights = scores.masked_fill(nothing, 0).softmax(-1).masked_fill(nothing, 0)
    else:
        weights = scores.softmax(-1)
    return (weights @ v).reshape(*query.shape[:-1], value.shape[-1])


def tiled_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    causal: bool = False,
    offset: int = 0,
    query_tile: int = QUERY_TILE,
    kv_tile: int = KV_TILE,
) -> Tensor:
    """`naive_attention` with memory for one tile of scores, forward and backward.

    float16 and bfloat16 inputs are added up in float32. Gradients of gradients are refused.

    Source: Dao 2023, arXiv:2307.08691, algorithms 1 and 2.

    Raises
    ------
    ShapeError
        When the shapes do not fit each other.
    CourseError
        When a tile is smaller than one row.
    """
    check_tiles(query_tile, kv_tile)
    q, k, v = _by_group(query, key, value, causal, offset)
    output: Tensor = _Tiled.apply(q, k, v, causal, offset, query_tile, kv_tile)  # type: ignore[no-untyped-call]
    return output.reshape(*query.shape[:-1], value.shape[-1])


class _Tiled(torch.autograd.Function):
    """Query ``(..., kv_heads, group, n, d)``, key and value ``(..., kv_heads, 1, m, d)``."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        causal: bool,
        offset: int,
        query_tile: int,
        kv_tile: int,
    ) -> Tensor:
        """Absorb the keys tile by tile, as `coursekit.attention.Running` does."""
        settings = causal, offset, query_tile, kv_tile
        output = query.new_empty(*query.shape[:-1], value.shape[-1])
        log_sum_exp = output.new_empty(output.shape[:-1], dtype=_sums(query))
        for rows, row_scores in _rows(query, key, *settings):
            highest = log_sum_exp.new_full(
                (*query.shape[:-2], rows.stop - rows.start, 1), -math.inf
            )
            total, result = torch.zeros_like(highest), torch.zeros_like(highest)
            for columns, scores in row_scores:
                new = torch.maximum(highest, scores.amax(-1, keepdim=True))
                shift = _finite(new)
                weights = scores.sub_(shift).exp_()
                correction = (highest - shift).exp_()
                total = total * correction + weights.sum(-1, keepdim=True)
                result = result * correction + weights @ value[..., columns, :].to(weights)
                highest = new
            total = total.masked_fill_(total == 0, 1)
            output[..., rows, :] = result / total
            log_sum_exp[..., rows] = (highest + total.log()).squeeze(-1)
        ctx.save_for_backward(query, key, value, output, log_sum_exp)
        ctx.settings = settings
        return output

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """Compute each tile of weights again, and from it its share of the three gradients."""
        query, key, value, output, log_sum_exp = ctx.saved_tensors
        work, scale = log_sum_exp.dtype, 1 / math.sqrt(query.shape[-1])
        grads = [torch.zeros_like(each, dtype=work) for each in (query, key, value)]
        for rows, row_scores in _rows(query, key, *ctx.settings):
            grad_out = grad_output[..., rows, :].to(work)
            row_sums = (grad_out * output[..., rows, :]).sum(-1, keepdim=True)
            shift = _finite(log_sum_exp[..., rows, None])
            for columns, scores in row_scores:
                weights = scores.sub_(shift).exp_()
                grads[2][..., columns, :] += _to_group(weights.mT @ grad_out)
                grad_weights = grad_out @ value[..., columns, :].to(work).mT
                grad_scores = grad_weights.sub_(row_sums).mul_(weights).mul_(scale)
                grads[0][..., rows, :] += grad_scores @ key[..., columns, :].to(work)
                grads[1][..., columns, :] += _to_group(
                    grad_scores.mT @ query[..., rows, :].to(work)
                )
        return (*(g.to(query.dtype) for g in grads), None, None, None, None)


def _rows(
    query: Tensor, key: Tensor, causal: bool, offset: int, query_tile: int, kv_tile: int
) -> Iterator[tuple[slice, Iterator[tuple[slice, Tensor]]]]:
    """Every tile of queries with its tiles of scores, which come when they are asked for."""
    work, scale = _sums(query), 1 / math.sqrt(query.shape[-1])

    def scores_of(rows: slice) -> Iterator[tuple[slice, Tensor]]:
        queries = query[..., rows, :].to(work) * scale
        for columns in tiles(visible_end(rows, key.shape[-2], offset if causal else None), kv_tile):
            scores = queries @ key[..., columns, :].to(work).mT
            hidden = _hidden(scores, rows, columns, causal, offset)
            yield columns, scores if hidden is None else scores.masked_fill_(hidden, -math.inf)

    for rows in tiles(query.shape[-2], query_tile):
        yield rows, scores_of(rows)


def _by_group(
    query: Tensor, key: Tensor, value: Tensor, causal: bool, offset: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The query's heads as ``(kv_heads, group)``, those of key and value as ``(kv_heads, 1)``."""
    shapes = ", ".join(str(tuple(each.shape)) for each in (query, key, value))
    same = query.shape[:-3] == key.shape[:-3] and key.shape[:-1] == value.shape[:-1]
    if (
        query.ndim < 3
        or not same
        or query.shape[-1] != key.shape[-1]
        or 0 in query.shape + key.shape
    ):
        raise ShapeError(f"got {shapes}; need (..., heads, seq_len, head_dim) that fit each other.")
    if query.shape[-3] % key.shape[-3]:
        raise ShapeError(f"got {shapes}; query heads must be a multiple of key heads.")
    if offset and not causal:
        raise CourseError(f"offset={offset} without causal=True hides nothing; set causal too.")
    grouped = (*query.shape[:-3], key.shape[-3], -1, *query.shape[-2:])
    return query.reshape(grouped), key.unsqueeze(-3), value.unsqueeze(-3)


def _hidden(
    scores: Tensor, rows: slice, columns: slice, causal: bool, offset: int
) -> Tensor | None:
    """Which keys of a tile its queries must not see; None where they see all."""
    if not causal or columns.stop - 1 <= rows.start + offset:
        return None
    row = torch.arange(rows.start, rows.stop, device=scores.device)[:, None]
    return torch.arange(columns.start, columns.stop, device=scores.device) > row + offset


def _sums(tensor: Tensor) -> torch.dtype:
    """The type in which is added up: float32 for anything smaller."""
    return torch.promote_types(tensor.dtype, torch.float32)


def _finite(highest: Tensor) -> Tensor:
    return highest.masked_fill(highest == -math.inf, 0)


def _to_group(gradient: Tensor) -> Tensor:
    """Add up what the query heads that share a key head say about it."""
    return gradient.sum(dim=-3, keepdim=True)
