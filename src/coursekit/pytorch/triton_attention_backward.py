"""The backward pass of Flash Attention as two kernels for a GPU, in Triton, to be read.

The weights are not kept: they come again from the log-sum-exp of the forward pass, tile by tile,
as in `coursekit.attention.tiled_attention_backward`. Two kernels, because each result then has one
owner: a program of the first owns a tile of queries and walks over the keys, a program of the
second owns a tile of keys and walks over the queries of all heads that share it. That computes the
scores twice, and needs neither atomic additions nor a fixed order to be repeatable.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import ShapeError
from .triton_attention import _check

if TYPE_CHECKING:
    triton: Any
    tl: Any
else:
    import triton
    import triton.language as tl


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _tile(pointer, rows, num_rows, HEAD_DIM: tl.constexpr):  # type: ignore[no-untyped-def]
    """Rows of a matrix (num_rows, HEAD_DIM); zeros beyond its end."""
    places = rows[:, None] * HEAD_DIM + tl.arange(0, HEAD_DIM)[None, :]
    return tl.load(pointer + places, mask=(rows < num_rows)[:, None], other=0.0)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _weights(  # type: ignore[no-untyped-def]
    query, key, sums, rows, columns, num_rows, num_keys, offset, scale, CAUSAL: tl.constexpr,
):  # fmt: skip
    """P = exp(S - log_sum_exp) of a tile; 0 where a query must not look."""
    scores = tl.dot(query, tl.trans(key), input_precision="ieee") * (scale * 1.4426950408889634)
    visible = (rows < num_rows)[:, None] & (columns < num_keys)[None, :]
    if CAUSAL:
        visible = visible & (columns[None, :] <= rows[:, None] + offset)
    return tl.where(visible, tl.exp2(scores - sums[:, None] * 1.4426950408889634), 0.0)


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _grad_query(  # type: ignore[no-untyped-def]
    query, key, value, grad_output, log_sum_exp, row_sums, grad_query,
    num_rows, num_keys, group, offset, scale,
    HEAD_DIM: tl.constexpr, QUERY_TILE: tl.constexpr, KV_TILE: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """One tile of queries of one head: dQ = Σ dS K."""
    head = tl.program_id(1).to(tl.int64)
    to_queries, to_keys = head * num_rows, (head // group) * num_keys
    start = tl.program_id(0) * QUERY_TILE
    rows = start + tl.arange(0, QUERY_TILE)
    there = rows < num_rows
    q = _tile(query + to_queries * HEAD_DIM, rows, num_rows, HEAD_DIM)
    grad_out = _tile(grad_output + to_queries * HEAD_DIM, rows, num_rows, HEAD_DIM)
    sums = tl.load(log_sum_exp + to_queries + rows, mask=there, other=0.0)
    row_sum = tl.load(row_sums + to_queries + rows, mask=there, other=0.0)
    result = tl.zeros([QUERY_TILE, HEAD_DIM], tl.float32)
    end = num_keys
    if CAUSAL:
        end = tl.maximum(0, tl.minimum(num_keys, start + QUERY_TILE + offset))
    for first in range(0, end, KV_TILE):
        columns = first + tl.arange(0, KV_TILE)
        k = _tile(key + to_keys * HEAD_DIM, columns, num_keys, HEAD_DIM)
        v = _tile(value + to_keys * HEAD_DIM, columns, num_keys, HEAD_DIM)
        weights = _weights(
            q, k, sums, rows, columns, num_rows, num_keys, offset, scale, CAUSAL
        )  # fmt: skip
        grad_weights = tl.dot(grad_out, tl.trans(v), input_precision="ieee")
        grad_scores = weights * (grad_weights - row_sum[:, None]) * scale
        result += tl.dot(grad_scores.to(k.dtype), k, input_precision="ieee")
    places = rows[:, None] * HEAD_DIM + tl.arange(0, HEAD_DIM)[None, :]
    to = grad_query + to_queries * HEAD_DIM + places
    tl.store(to, result.to(grad_query.dtype.element_ty), mask=there[:, None])


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _grad_key_value(  # type: ignore[no-untyped-def]
    query, key, value, grad_output, log_sum_exp, row_sums, grad_key, grad_value,
    num_rows, num_keys, group, offset, scale,
    HEAD_DIM: tl.constexpr, QUERY_TILE: tl.constexpr, KV_TILE: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """One tile of keys of one key head: dV = Σ Pᵀ dO and dK = Σ dSᵀ Q over all its queries."""
    kv_head = tl.program_id(1).to(tl.int64)
    to_keys = kv_head * num_keys
    start = tl.program_id(0) * KV_TILE
    columns = start + tl.arange(0, KV_TILE)
    k = _tile(key + to_keys * HEAD_DIM, columns, num_keys, HEAD_DIM)
    v = _tile(value + to_keys * HEAD_DIM, columns, num_keys, HEAD_DIM)
    for_key = tl.zeros([KV_TILE, HEAD_DIM], tl.float32)
    for_value = tl.zeros([KV_TILE, HEAD_DIM], tl.float32)
    begin = 0
    if CAUSAL:  # the first query that sees the first of these keys
        begin = tl.maximum(0, start - offset) // QUERY_TILE * QUERY_TILE
    for member in range(0, group):
        to_queries = (kv_head * group + member) * num_rows
        for first in range(begin, num_rows, QUERY_TILE):
            rows = first + tl.arange(0, QUERY_TILE)
            there = rows < num_rows
            q = _tile(query + to_queries * HEAD_DIM, rows, num_rows, HEAD_DIM)
            grad_out = _tile(grad_output + to_queries * HEAD_DIM, rows, num_rows, HEAD_DIM)
            sums = tl.load(log_sum_exp + to_queries + rows, mask=there, other=0.0)
            row_sum = tl.load(row_sums + to_queries + rows, mask=there, other=0.0)
            weights = _weights(
                q, k, sums, rows, columns, num_rows, num_keys, offset, scale, CAUSAL
            )  # fmt: skip
            for_value += tl.dot(
                tl.trans(weights).to(grad_out.dtype), grad_out, input_precision="ieee"
            )
            grad_weights = tl.dot(grad_out, tl.trans(v), input_precision="ieee")
            grad_scores = weights * (grad_weights - row_sum[:, None]) * scale
            for_key += tl.dot(tl.trans(grad_scores).to(q.dtype), q, input_precision="ieee")
    places = columns[:, None] * HEAD_DIM + tl.arange(0, HEAD_DIM)[None, :]
    there = (columns < num_keys)[:, None]
    to = to_keys * HEAD_DIM + places
    tl.store(grad_key + to, for_key.to(grad_key.dtype.element_ty), mask=there)
    tl.store(grad_value + to, for_value.to(grad_value.dtype.element_ty), mask=there)


def triton_attention_backward(
    grad_output: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    output: Tensor,
    log_sum_exp: Tensor,
    *,
    causal: bool = False,
    offset: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients for query, key and value, of their shapes and type.

    ``output`` and ``log_sum_exp`` are what `triton_attention` returned for the same inputs,
    ``grad_output`` has the output's shape. Sums are in float32.

    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 4; Dao 2023, arXiv:2307.08691, section 3.1.

    Raises
    ------
    ShapeError
        When shapes or types do not fit.
    CourseError
        When the tensors are not on a GPU and Triton's interpreter is off.
    """
    if grad_output.shape != query.shape or output.shape != query.shape:
        raise ShapeError(
            f"grad_output {tuple(grad_output.shape)}, output {tuple(output.shape)}; both need the "
            f"shape of query, {tuple(query.shape)}."
        )
    _check(query, key, value, causal, offset)
    tensors = [each.contiguous() for each in (query, key, value, grad_output)]
    batch_size, num_heads, num_rows, head_dim = query.shape
    num_kv_heads, num_keys = key.shape[1:3]
    grads = [torch.empty_like(each) for each in tensors[:3]]
    row_sums = (grad_output.float() * output.float()).sum(dim=-1)  # the paper's D
    group, tile = num_heads // num_kv_heads, 32 if query.dtype == torch.float32 else 64
    sums = log_sum_exp.masked_fill(log_sum_exp == -math.inf, 0.0)  # rows that see no key
    sizes = (num_rows, num_keys, group, offset, 1 / math.sqrt(head_dim))
    options = {"HEAD_DIM": head_dim, "QUERY_TILE": tile, "KV_TILE": tile, "CAUSAL": causal}
    _grad_query[(triton.cdiv(num_rows, tile), batch_size * num_heads)](
        *tensors, sums, row_sums, grads[0], *sizes, **options, num_warps=4
    )
    _grad_key_value[(triton.cdiv(num_keys, tile), batch_size * num_kv_heads)](
        *tensors, sums, row_sums, *grads[1:], *sizes, **options, num_warps=4
    )
    return grads[0], grads[1], grads[2]
