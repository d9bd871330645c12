"""The forward pass of Flash Attention as one kernel for a GPU, in Triton, to be read.

One program computes one tile of queries of one head. The loop over the tiles of keys is that of
`coursekit.attention.tiled_attention`; the largest score, the sum and the output stay in registers
from the first tile to the last. Tiles in which every query sees every key skip the mask.

Tiles come and go through tensor descriptors. From H100 on, a unit of its own then copies a whole
tile; what lies beyond the last row reads as 0 and is not written.

Without a GPU the kernel runs in Triton's interpreter: set ``TRITON_INTERPRET=1`` before the first
import. That is how it is tested, and far too slow for anything else. A GPU must have compute
capability 8.0 (A100) or more: the tiles do not fit into the shared memory of older ones.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..errors import CourseError, MissingPackageError, ShapeError

if TYPE_CHECKING:
    triton: Any
    tl: Any
    TensorDescriptor: Any
else:
    try:
        import triton
        import triton.language as tl
        from triton.tools.tensor_descriptor import TensorDescriptor
    except ImportError:
        raise MissingPackageError(
            "this module needs Triton 3.4 or later, which comes with PyTorch 2.8 for CUDA on "
            "Linux: pip install 'triton>=3.4'."
        ) from None

LOG2_E = 1.4426950408889634
HEAD_DIMS = (16, 32, 64, 128)
OLDEST = (8, 0)  # compute capability: A100
MOST_HEADS = 65_535  # programs along the second side of a grid


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _absorb(  # type: ignore[no-untyped-def]
    query_tile, key, value, highest, total, result, kv_head, first, last, rows, num_keys, offset,
    scale, HEAD_DIM: tl.constexpr, KV_TILE: tl.constexpr, CAUSAL: tl.constexpr,
    MASKED: tl.constexpr,
):  # fmt: skip
    """Read the keys from ``first`` to ``last``; return largest scores, sums and result."""
    for start in range(first, last, KV_TILE):
        keys = key.load([kv_head, start, 0]).reshape(KV_TILE, HEAD_DIM)
        scores = tl.dot(query_tile, keys.T, input_precision="ieee")
        if MASKED:
            columns = start + tl.arange(0, KV_TILE)
            visible = (columns < num_keys)[None, :]
            if CAUSAL:
                visible = visible & (columns[None, :] <= rows[:, None] + offset)
            scores = tl.where(visible, scores, -float("inf"))
        new = tl.maximum(highest, tl.max(scores, 1) * scale)
        shift = new
        if MASKED:
            shift = tl.where(new == -float("inf"), 0.0, new)  # where no key was seen yet
        weights = tl.exp2(scores * scale - shift[:, None])
        correction = tl.exp2(highest - shift)
        total = total * correction + tl.sum(weights, 1)
        values = value.load([kv_head, start, 0]).reshape(KV_TILE, HEAD_DIM)
        result = result * correction[:, None]
        result = tl.dot(weights.to(values.dtype), values, result, input_precision="ieee")
        highest = new
    return highest, total, result


@triton.jit  # type: ignore[untyped-decorator, unused-ignore]
def _forward(  # type: ignore[no-untyped-def]
    query, key, value, output, log_sum_exp, num_rows, num_keys, group, offset, scale,
    HEAD_DIM: tl.constexpr, QUERY_TILE: tl.constexpr, KV_TILE: tl.constexpr, CAUSAL: tl.constexpr,
):  # fmt: skip
    """One tile of queries of one head, from its first key to its last."""
    head, tile = tl.program_id(1), tl.program_id(0)
    if CAUSAL:
        tile = tl.num_programs(0) - 1 - tile  # the tiles that see most keys start first
    kv_head, start = head // group, tile * QUERY_TILE
    rows = start + tl.arange(0, QUERY_TILE)
    query_tile = query.load([head, start, 0]).reshape(QUERY_TILE, HEAD_DIM)
    highest = tl.full([QUERY_TILE], -float("inf"), tl.float32)
    total = tl.zeros([QUERY_TILE], tl.float32)
    result = tl.zeros([QUERY_TILE, HEAD_DIM], tl.float32)

    end, whole = num_keys, num_keys  # keys that some row sees, and that every row sees
    if CAUSAL:
        end = tl.maximum(0, tl.minimum(num_keys, start + QUERY_TILE + offset))
        whole = tl.maximum(0, tl.minimum(num_keys, start + 1 + offset))
    whole = whole // KV_TILE * KV_TILE
    highest, total, result = _absorb(
        query_tile, key, value, highest, total, result, kv_head, 0, whole, rows, num_keys, offset,
        scale, HEAD_DIM, KV_TILE, CAUSAL, False,
    )  # fmt: skip
    highest, total, result = _absorb(
        query_tile, key, value, highest, total, result, kv_head, whole, end, rows, num_keys, offset,
        scale, HEAD_DIM, KV_TILE, CAUSAL, True,
    )  # fmt: skip

    total = tl.where(total == 0.0, 1.0, total)  # a row without keys: 0, and log-sum-exp -inf
    result = (result / total[:, None]).to(output.dtype)
    output.store([head, start, 0], result.reshape(1, QUERY_TILE, HEAD_DIM))
    sums = (highest + tl.log2(total)) * 0.6931471805599453
    tl.store(log_sum_exp + head.to(tl.int64) * num_rows + rows, sums, mask=rows < num_rows)


def triton_attention(
    query: Tensor, key: Tensor, value: Tensor, *, causal: bool = False, offset: int = 0
) -> tuple[Tensor, Tensor]:
    """softmax(Q Kᵀ/√d) V and the log-sum-exp of each row, in one kernel; forward only.

    Parameters
    ----------
    query
        Shape ``(batch_size, num_heads, n, head_dim)`` in float16, bfloat16 or float32; sums are in
        float32. ``head_dim`` is 16, 32, 64 or 128.
    key, value
        Shape ``(batch_size, num_kv_heads, m, head_dim)``; ``num_kv_heads`` divides ``num_heads``.
    causal, offset
        With ``causal``, query ``i`` sees the keys up to ``i + offset``. A row without keys is 0.

    Returns
    -------
    The output, of the query's shape and type, and the log-sum-exp, ``(batch_size, num_heads, n)``
    in float32.

    Source: Dao 2023, arXiv:2307.08691, algorithm 1.

    Raises
    ------
    ShapeError
        When shapes or types do not fit.
    CourseError
        When the tensors are not on a GPU and Triton's interpreter is off, or the GPU is too old.
    """
    _check(query, key, value, causal, offset)
    batch_size, num_heads, num_rows, head_dim = query.shape
    output = query.new_empty(query.shape)
    log_sum_exp = query.new_empty(query.shape[:3], dtype=torch.float32)
    # Numbers of twice the size: tiles of half the rows.
    query_tile, kv_tile = (64, 32) if query.dtype == torch.float32 else (128, 64)
    _forward[(triton.cdiv(num_rows, query_tile), batch_size * num_heads)](
        tiles(query, query_tile), tiles(key, kv_tile), tiles(value, kv_tile),
        tiles(output, query_tile), log_sum_exp,
        num_rows, key.shape[2], num_heads // key.shape[1], offset, LOG2_E / math.sqrt(head_dim),
        HEAD_DIM=head_dim, QUERY_TILE=query_tile, KV_TILE=kv_tile, CAUSAL=causal,
        num_warps=4, num_stages=2,
    )  # fmt: skip
    return output, log_sum_exp


def tiles(tensor: Tensor, rows: int) -> TensorDescriptor:
    """A descriptor of ``(batch_size, heads, seq_len, head_dim)`` in tiles of ``rows`` of one head.

    A tensor that does not lie as descriptors need it, row by row from an address that 16 divides,
    is copied.
    """
    flat = tensor.contiguous().flatten(0, 1)
    if flat.data_ptr() % 16:
        flat = flat.clone()
    return TensorDescriptor.from_tensor(flat, [1, rows, flat.shape[-1]])


def _check(query: Tensor, key: Tensor, value: Tensor, causal: bool, offset: int) -> None:
    shapes = ", ".join(str(tuple(each.shape)) for each in (query, key, value))
    if query.ndim != 4 or key.ndim != 4 or key.shape != value.shape or 0 in query.shape + key.shape:
        raise ShapeError(f"got {shapes}; need (batch_size, heads, seq_len, head_dim), three times.")
    if query.shape[0] != key.shape[0] or query.shape[1] % key.shape[1]:
        raise ShapeError(
            f"got {shapes}; query heads must be a multiple of key heads, batches equal."
        )
    if query.shape[3] != key.shape[3] or query.shape[3] not in HEAD_DIMS:
        raise ShapeError(f"got {shapes}; head_dim must be the same, and one of {HEAD_DIMS}.")
    types = {query.dtype, key.dtype, value.dtype}
    if len(types) > 1 or not types <= {torch.float16, torch.bfloat16, torch.float32}:
        raise ShapeError(f"got {types}; the kernel needs one of float16, bfloat16, float32.")
    if query.shape[0] * query.shape[1] > MOST_HEADS:
        raise ShapeError(
            f"got {shapes}; a GPU takes at most {MOST_HEADS} heads of all sequences together: "
            "split the batch."
        )
    if offset and not causal:
        raise CourseError(f"offset={offset} without causal=True hides nothing; set causal too.")
    check_gpu(query.device)


def check_gpu(device: torch.device) -> None:
    """Raise CourseError unless a kernel of the course runs there, or in Triton's interpreter."""
    if triton.knobs.runtime.interpret:
        return
    if device.type != "cuda":
        raise CourseError(
            "the tensors are not on a GPU; move them there, or set TRITON_INTERPRET=1 before the "
            "first import to run the kernel in Triton's interpreter."
        )
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        raise CourseError(
            f"{torch.cuda.get_device_name(device)} has compute capability "
            f"{'.'.join(map(str, capability))}; the kernels need 8.0 (A100) or more."
        )
