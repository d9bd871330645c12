"""Attention as it is defined: the whole table of scores, a softmax over each row, an average."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .shapes import Array, as_heads, finite, hide_future


def softmax(scores: Array) -> Array:
    """Weights that are positive and add up to 1 along the last axis; ``scores`` is overwritten.

    The largest score is subtracted first, so that no exponential overflows. A row that is -∞
    throughout gets weights of 0: it has nothing to look at.
    """
    scores -= finite(scores.max(axis=-1, keepdims=True))
    np.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    scores /= np.where(total == 0, scores.dtype.type(1), total)
    return scores


def attention(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, *, causal: bool = False, offset: int = 0
) -> Array:
    """softmax(Q Kᵀ/√d) V, through the full table of scores: ``seq_len²`` numbers for each head.

    Parameters
    ----------
    query
        Shape ``(..., num_heads, n, head_dim)``; a single head may be ``(n, head_dim)``.
    key, value
        Shape ``(..., num_kv_heads, m, head_dim)``; the value's head_dim may differ. Where
        ``num_heads`` is a multiple of ``num_kv_heads``, neighboring query heads share a key head.
    causal, offset
        With ``causal``, query ``i`` sees only the keys ``0 … i + offset``. The offset is the number
        of keys that come before the first query, as with a cache; a negative one leaves the first
        queries without any key, and their output is 0.

    Returns
    -------
    Shape ``(..., num_heads, n, head_dim)``; float32 if all inputs are, else float64.

    Source: Vaswani et al. 2017, arXiv:1706.03762, equation 1.

    Raises
    ------
    ShapeError
        When the shapes do not fit each other.
    """
    heads = as_heads(query, key, value, causal=causal, offset=offset)
    by_group = heads.query.reshape(len(heads.key), heads.group, *heads.query.shape[1:])
    scores = by_group @ heads.key[:, None].swapaxes(-1, -2)
    scores *= heads.scale
    n, m = scores.shape[-2:]
    hide_future(scores, slice(0, n), slice(0, m), heads.offset)
    output: Array = softmax(scores) @ heads.value[:, None]
    return output.reshape(heads.output_shape)
