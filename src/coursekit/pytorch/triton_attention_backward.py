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
from .triton_attention import LOG2_E, _check, tiles

if TYPE_CHECKING:
    triton: Any
    tl: Any
    TensorDescriptor: Any
else:
    import triton
    import triton.language as tl
    from triton.tools.tensor_descriptor import TensorDescriptor

PER_ROW_TILE = 128  # the largest tile of queries of both kernels


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _over_keys(  # type: ignore[no-untyped-def]
    query_tile, grad_tile, key, value, log_sums, row_sums, result, kv_head, first, last, rows,
    num_keys, offset, scale, HEAD_DIM: tl.constexpr, KV_TILE: tl.constexpr, CAUSAL: tl.constexpr,
    MASKED: tl.constexpr,
):  # fmt: skip
    """Add to dQ of a tile of queries what the keys from ``first`` to ``last`` give."""
    for start in range(first, last, KV_TILE):
        keys = key.load([kv_head, start, 0]).reshape(KV_TILE, HEAD_DIM)
        values = value.load([kv_head, start, 0]).reshape(KV_TILE, HEAD_DIM)
        scores = tl.dot(query_tile, keys.T, input_precision="ieee")
        weights = tl.exp2(scores * scale - log_sums[:, None])
        if MASKED:
            columns = start + tl.arange(0, KV_TILE)
            visible = (columns < num_keys)[None, :]
            if CAUSAL:
                visible = visible & (columns[None, :] <= rows[:, None] + offset)
            weights = tl.where(visible, weights, 0.0)
        grad_weights = tl.dot(grad_tile, values.T, input_precision="ieee")
        grad_scores = weights * (grad_weights - row_sums[:, None])
        result = tl.dot(grad_scores.to(keys.dtype), keys, result, input_precision="ieee")
    return result


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _grad_query(  # type: ignore[no-untyped-def]
    query, key, value, grad_output, output, log_sum_exp, log_sums, row_sums, grad_query,
    num_rows, num_keys, group, offset, scale,
    HEAD_DIM: tl.constexpr, QUERY_TILE: tl.constexpr, KV_TILE: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """One tile of queries of one head: dQ = Σ dS K, and what the second kernel needs of a row."""
    head, tile = tl.program_id(1), tl.program_id(0)
    if CAUSAL:
        tile = tl.num_programs(0) - 1 - tile  # the tiles that see most keys start first
    kv_head, start = head // group, tile * QUERY_TILE
    rows = start + tl.arange(0, QUERY_TILE)
    grad_tile = grad_output.load([head, start, 0]).reshape(QUERY_TILE, HEAD_DIM)
    output_tile = output.load([head, start, 0]).reshape(QUERY_TILE, HEAD_DIM)
    sums = tl.sum(grad_tile.to(tl.float32) * output_tile.to(tl.float32), 1)  # the paper's D
    sources = log_sum_exp + head.to(tl.int64) * num_rows + rows
    logs = tl.load(sources, mask=rows < num_rows, other=0.0) * 1.4426950408889634
    log_sums.store([head, start], logs.reshape(1, QUERY_TILE))
    row_sums.store([head, start], sums.reshape(1, QUERY_TILE))

    query_tile = query.load([head, start, 0]).reshape(QUERY_TILE, HEAD_DIM)
    result = tl.zeros([QUERY_TILE, HEAD_DIM], tl.float32)
    end, whole = num_keys, num_keys  # keys that some row sees, and that every row sees
    if CAUSAL:
        end = tl.maximum(0, tl.minimum(num_keys, start + QUERY_TILE + offset))
        whole = tl.maximum(0, tl.minimum(num_keys, start + 1 + offset))
    whole = whole // KV_TILE * KV_TILE
    result = _over_keys(
        query_tile, grad_tile, key, value, logs, sums, result, kv_head, 0, whole, rows, num_keys,
        offset, scale, HEAD_DIM, KV_TILE, CAUSAL, False,
    )  # fmt: skip
    result = _over_keys(
        query_tile, grad_tile, key, value, logs, sums, result, kv_head, whole, end, rows, num_keys,
        offset, scale, HEAD_DIM, KV_TILE, CAUSAL, True,
    )  # fmt: skip
    result = (result * (scale * 0.6931471805599453)).to(grad_query.dtype)
    grad_query.store([head, start, 0], result.reshape(1, QUERY_TILE, HEAD_DIM))


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _over_queries(  # type: ignore[no-untyped-def]
    key_tile, value_tile, query, grad_output, log_sums, row_sums, for_key, for_value, head, first,
    last, columns, offset, scale, HEAD_DIM: tl.constexpr, QUERY_TILE: tl.constexpr,
    CAUSAL: tl.constexpr,
):  # fmt: skip
    """Add to dK and dV of a tile of keys what the queries from ``first`` to ``last`` give.

    Scores and weights are transposed here, a row for each key: only so can the weights go from
    registers straight into the next product.
    """
    for start in range(first, last, QUERY_TILE):
        queries = query.load([head, start, 0]).reshape(QUERY_TILE, HEAD_DIM)
        grads = grad_output.load([head, start, 0]).reshape(QUERY_TILE, HEAD_DIM)
        logs = log_sums.load([head, start]).reshape(QUERY_TILE)
        sums = row_sums.load([head, start]).reshape(QUERY_TILE)
        scores = tl.dot(key_tile, queries.T, input_precision="ieee")
        weights = tl.exp2(scores * scale - logs[None, :])
        if CAUSAL:
            rows = start + tl.arange(0, QUERY_TILE)
            weights = tl.where(columns[:, None] <= rows[None, :] + offset, weights, 0.0)
        for_value = tl.dot(weights.to(grads.dtype), grads, for_value, input_precision="ieee")
        grad_weights = tl.dot(value_tile, grads.T, input_precision="ieee")
        grad_scores = weights * (grad_weights - sums[None, :])
        for_key = tl.dot(grad_scores.to(queries.dtype), queries, for_key, input_precision="ieee")
    return for_key, for_value


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _grad_key_value(  # type: ignore[no-untyped-def]
    query, key, value, grad_output, log_sums, row_sums, grad_key, grad_value,
    num_rows, group, offset, scale,
    HEAD_DIM: tl.constexpr, QUERY_TILE: tl.constexpr, KV_TILE: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """One tile of keys of one key head: dV = Σ Pᵀ dO and dK = Σ dSᵀ Q over all its queries.

    What lies beyond the last query or the last key needs no mask: a row of zeros adds nothing, and
    a key that is not there has a row of its own, which is not written.
    """
    kv_head, start = tl.program_id(1), tl.program_id(0) * KV_TILE
    columns = start + tl.arange(0, KV_TILE)
    key_tile = key.load([kv_head, start, 0]).reshape(KV_TILE, HEAD_DIM)
    value_tile = value.load([kv_head, start, 0]).reshape(KV_TILE, HEAD_DIM)
    for_key = tl.zeros([KV_TILE, HEAD_DIM], tl.float32)
    for_value = tl.zeros([KV_TILE, HEAD_DIM], tl.float32)
    begin, whole = 0, 0  # from where on a query sees one of these keys, and all of them
    if CAUSAL:
        begin = tl.maximum(0, start - offset) // QUERY_TILE * QUERY_TILE
        whole = tl.cdiv(tl.maximum(0, start + KV_TILE - 1 - offset), QUERY_TILE) * QUERY_TILE
    for member in range(0, group):
        head = kv_head * group + member
        if CAUSAL:
            for_key, for_value = _over_queries(
                key_tile, value_tile, query, grad_output, log_sums, row_sums, for_key, for_value,
                head, begin, tl.minimum(whole, num_rows), columns, offset, scale,
                HEAD_DIM, QUERY_TILE, True,
            )  # fmt: skip
        for_key, for_value = _over_queries(
            key_tile, value_tile, query, grad_output, log_sums, row_sums, for_key, for_value,
            head, whole, num_rows, columns, offset, scale, HEAD_DIM, QUERY_TILE, False,
        )  # fmt: skip
    for_key = (for_key * (scale * 0.6931471805599453)).to(grad_key.dtype)
    grad_key.store([kv_head, start, 0], for_key.reshape(1, KV_TILE, HEAD_DIM))
    for_value = for_value.to(grad_value.dtype)
    grad_value.store([kv_head, start, 0], for_value.reshape(1, KV_TILE, HEAD_DIM))


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
        When the tensors are not on a GPU and Triton's interpreter is off, or the GPU is too old.
    """
    if grad_output.shape != query.shape or output.shape != query.shape:
        raise ShapeError(
            f"grad_output {tuple(grad_output.shape)}, output {tuple(output.shape)}; both need the "
            f"shape of query, {tuple(query.shape)}."
        )
    _check(query, key, value, causal, offset)
    batch_size, num_heads, num_rows, head_dim = query.shape
    num_kv_heads, num_keys = key.shape[1:3]
    grads = [each.new_empty(each.shape) for each in (query, key, value)]
    group, scale = num_heads // num_kv_heads, LOG2_E / math.sqrt(head_dim)
    # Two numbers for each row, up to the end of the last tile: the first kernel writes them.
    last = triton.cdiv(num_rows, PER_ROW_TILE) * PER_ROW_TILE
    per_row = query.new_empty(2, batch_size * num_heads, last, dtype=torch.float32)
    wide = query.dtype == torch.float32

    query_tile, kv_tile, warps, stages = _grad_query_tiles(query)
    _grad_query[(triton.cdiv(num_rows, query_tile), batch_size * num_heads)](
        tiles(query, query_tile), tiles(key, kv_tile), tiles(value, kv_tile),
        tiles(grad_output, query_tile), tiles(output, query_tile), log_sum_exp.contiguous(),
        *(TensorDescriptor.from_tensor(each, [1, query_tile]) for each in per_row),
        tiles(grads[0], query_tile), num_rows, num_keys, group, offset, scale,
        HEAD_DIM=head_dim, QUERY_TILE=query_tile, KV_TILE=kv_tile, CAUSAL=causal,
        num_warps=warps, num_stages=stages,
    )  # fmt: skip
    tile = 32 if wide else 64  # numbers of twice the size: tiles of half the rows
    _grad_key_value[(triton.cdiv(num_keys, tile), batch_size * num_kv_heads)](
        *(tiles(each, tile) for each in (query, key, value, grad_output)),
        *(TensorDescriptor.from_tensor(each, [1, tile]) for each in per_row),
        tiles(grads[1], tile), tiles(grads[2], tile), num_rows, group, offset, scale,
        HEAD_DIM=head_dim, QUERY_TILE=tile, KV_TILE=tile, CAUSAL=causal,
        num_warps=4, num_stages=2,
    )  # fmt: skip
    return grads[0], grads[1], grads[2]


def _grad_query_tiles(query: Tensor) -> tuple[int, int, int, int]:
    """Rows of both tiles, warps and stages: what was fastest, or what fits the GPU's memory."""
    if query.dtype == torch.float32:
        return 64, 32, 8, 2
    if query.is_cuda:
        about = triton.runtime.driver.active.utils.get_device_properties(query.device.index)
        if about["max_shared_mem"] < 163 * 1024:  # less than an A100 has, as in GPUs for a desk
            return 64, 64, 4, 2
    return 128, 64, 8, 3
