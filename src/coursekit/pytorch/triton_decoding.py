"""Decode attention over a paged cache as one kernel for a GPU, in Triton, to be read.

One program computes the newest token of one sequence, for the query heads that share one key head.
It walks through the sequence's block table and reads each block where it lies, once for the whole
group: gathering the blocks first would read them, write a copy, and read the copy. It reads the
tokens of several blocks in one step, so that enough bytes are on their way at any moment. What it
keeps between steps is the largest score, the sum and the output of `coursekit.attention.Running`.

A long sequence is cut into parts that are read side by side, because a few sequences alone do not
fill a GPU; the parts are then merged by their log-sum-exp, as `Running.merge` does.

Sources: W. Kwon et al., SOSP 2023, arXiv:2309.06180, section 5; T. Dao et al., Flash-Decoding,
2023, for the parts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import CourseError, ShapeError
from .triton_attention import check_gpu

if TYPE_CHECKING:
    triton: Any
    tl: Any
else:
    import triton
    import triton.language as tl

SMALLEST_PRODUCT = 16  # rows, columns and depth of the smallest product of tensor cores
STEP = 64  # tokens read at once


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _decode(  # type: ignore[no-untyped-def]
    query, keys, values, tables, lengths, output, log_sum_exp, table_width, part_size, scale,
    HEAD_DIM: tl.constexpr, BLOCK: tl.constexpr, GROUP: tl.constexpr, ROWS: tl.constexpr,
    STEP: tl.constexpr,
):  # fmt: skip
    """One part of one sequence, for the ``GROUP`` query heads of one key head."""
    sequence, kv_head, part = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    num_kv_heads, num_parts = tl.num_programs(1), tl.num_programs(2)
    rows, dims = tl.arange(0, ROWS), tl.arange(0, HEAD_DIM)
    heads = (sequence * num_kv_heads + kv_head) * GROUP + rows
    there = rows < GROUP  # a product has at least 16 rows; the others are empty
    at = heads[:, None] * HEAD_DIM + dims[None, :]
    queries = tl.load(query + at, mask=there[:, None], other=0.0)

    highest = tl.full([ROWS], -float("inf"), tl.float32)
    total = tl.zeros([ROWS], tl.float32)
    result = tl.zeros([ROWS, HEAD_DIM], tl.float32)
    first = part * part_size
    last = tl.minimum(first + part_size, tl.load(lengths + sequence).to(tl.int32))
    for start in range(first, last, STEP):
        tokens = start + tl.arange(0, STEP)
        inside = tokens < last
        entries = tables + sequence * table_width + tokens // BLOCK
        blocks = tl.load(entries, mask=inside, other=0).to(tl.int64)
        places = ((blocks * num_kv_heads + kv_head) * BLOCK + tokens % BLOCK) * HEAD_DIM
        cells = places[:, None] + dims[None, :]
        key = tl.load(keys + cells, mask=inside[:, None], other=0.0)
        scores = tl.dot(queries, tl.trans(key), input_precision="ieee") * scale
        scores = tl.where(inside[None, :], scores, -float("inf"))
        new = tl.maximum(highest, tl.max(scores, 1))  # finite: a step has at least one token
        weights = tl.exp2(scores - new[:, None])
        correction = tl.exp2(highest - new)
        total = total * correction + tl.sum(weights, 1)
        value = tl.load(values + cells, mask=inside[:, None], other=0.0)
        result = result * correction[:, None]
        result = tl.dot(weights.to(value.dtype), value, result, input_precision="ieee")
        highest = new

    total = tl.where(total == 0.0, 1.0, total)  # a part beyond the end: 0, and log-sum-exp -inf
    to = (heads * num_parts + part)[:, None] * HEAD_DIM + dims[None, :]
    tl.store(output + to, result / total[:, None], mask=there[:, None])
    tl.store(log_sum_exp + heads * num_parts + part, highest + tl.log2(total), mask=there)


def paged_decode(
    query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, lengths: Tensor, *, parts: int = 1
) -> Tensor:
    """Attention of the newest token of each sequence to all its tokens in the cache.

    Parameters
    ----------
    query
        Shape ``(num_sequences, num_heads, head_dim)`` in float16, bfloat16 or float32.
    keys, values
        Shape ``(num_blocks, num_kv_heads, block_size, head_dim)``, contiguous; ``num_kv_heads``
        divides ``num_heads``. ``head_dim`` is a power of 2, at least 16.
    tables
        Shape ``(num_sequences, table_width)``, whole numbers: the blocks of each sequence in the
        order of its positions. Entries beyond its length are not read.
    lengths
        Shape ``(num_sequences,)``: tokens of each sequence, the newest included; at least 1.
    parts
        Into how many parts a sequence is cut. More parts keep a GPU busy when sequences are few.

    Returns
    -------
    Shape and type of ``query``; sums are in float32.

    Raises
    ------
    ShapeError
        When shapes or types do not fit.
    CourseError
        When ``parts`` is below 1, the tensors are not on a GPU and the interpreter is off, or the
        GPU is too old.
    """
    _check(query, keys, values, tables, lengths, parts)
    num_sequences, num_heads, head_dim = query.shape
    num_kv_heads, block_size = keys.shape[1:3]
    group = num_heads // num_kv_heads
    rows = max(SMALLEST_PRODUCT, triton.next_power_of_2(group))
    part_size = triton.cdiv(tables.shape[1] * block_size, parts * STEP) * STEP
    partial = torch.empty(*query.shape[:2], parts, head_dim, device=query.device)
    sums = torch.empty(*query.shape[:2], parts, device=query.device)
    _decode[(num_sequences, num_kv_heads, parts)](
        query.contiguous(), keys, values, tables.contiguous(), lengths, partial, sums,
        tables.shape[1], part_size, math.log2(math.e) / head_dim**0.5,
        HEAD_DIM=head_dim, BLOCK=block_size, GROUP=group, ROWS=rows, STEP=STEP,
        num_warps=4, num_stages=3,
    )  # fmt: skip
    shares = torch.softmax(sums * math.log(2), dim=-1)  # of each part in the whole sum
    return (partial * shares[..., None]).sum(dim=2).to(query.dtype)


def _check(
    query: Tensor, keys: Tensor, values: Tensor, tables: Tensor, lengths: Tensor, parts: int
) -> None:
    shapes = ", ".join(str(tuple(each.shape)) for each in (query, keys, values, tables, lengths))
    if (query.ndim, keys.ndim, tables.ndim) != (3, 4, 2) or keys.shape != values.shape:
        raise ShapeError(
            f"got {shapes}; need (sequences, heads, head_dim), twice (blocks, kv_heads, "
            "block_size, head_dim), (sequences, table_width) and (sequences,)."
        )
    if tables.shape[:1] != query.shape[:1] or lengths.shape != query.shape[:1]:
        raise ShapeError(f"got {shapes}; every sequence needs a query, a table and a length.")
    if query.shape[1] % keys.shape[1] or query.shape[2] != keys.shape[3]:
        raise ShapeError(f"got {shapes}; heads must be a multiple of kv_heads, head_dim the same.")
    if keys.shape[3] < SMALLEST_PRODUCT or keys.shape[3] & (keys.shape[3] - 1):
        raise ShapeError(f"got {shapes}; head_dim must be a power of 2, 16 or more.")
    types = {query.dtype, keys.dtype, values.dtype}
    if len(types) > 1 or not types <= {torch.float16, torch.bfloat16, torch.float32}:
        raise ShapeError(f"got {types}; the kernel needs one of float16, bfloat16, float32.")
    if not keys.is_contiguous() or not values.is_contiguous():
        raise ShapeError("keys and values must be contiguous: the kernel reads them in place.")
    shortest, longest = torch.stack(torch.aminmax(lengths)).tolist()
    if shortest < 1 or longest > tables.shape[1] * keys.shape[2]:
        raise ShapeError(
            f"lengths go from {shortest} to {longest}; they must be at least 1, and at "
            f"most {tables.shape[1]} blocks of {keys.shape[2]} tokens, the width of the tables."
        )
    if parts < 1:
        raise CourseError(f"parts={parts}; a sequence has at least 1 part.")
    check_gpu(query.device)
