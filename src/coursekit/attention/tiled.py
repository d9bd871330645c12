"""Attention tile by tile, and its gradients: the table of scores never exists."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ShapeError
from .online_softmax import Running
from .shapes import Array, Heads, as_heads, check_tiles, finite, hide_future, tiles, visible_end

QUERY_TILE, KV_TILE = 256, 512
"""Rows of a tile. Its scores, 512 kB in float32, stay in the second-level cache of a core."""


def tiled_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    *,
    causal: bool = False,
    offset: int = 0,
    query_tile: int = QUERY_TILE,
    kv_tile: int = KV_TILE,
) -> tuple[Array, Array]:
    """Compute what `attention` computes, with memory for one tile of scores instead of the table.

    Parameters are those of `attention`; the tiles may have any size and need not divide anything.
    Tiles in which no query sees a key are not computed.

    Returns
    -------
    The output, and for each row the logarithm of its sum of exponentials, shape
    ``(..., num_heads, n)``: the one number a row that `tiled_attention_backward` needs.

    Source: Dao 2023, arXiv:2307.08691, algorithm 1, without the inverse printed in its line 10.

    Raises
    ------
    ShapeError
        When the shapes do not fit each other.
    CourseError
        When a tile is smaller than one row.
    """
    check_tiles(query_tile, kv_tile)
    heads = as_heads(query, key, value, causal=causal, offset=offset)
    num_rows, width = heads.query.shape[1], heads.value.shape[-1]
    output = np.empty((len(heads.query), num_rows, width), heads.query.dtype)
    log_sum_exp = np.empty(output.shape[:2], output.dtype)
    for head, kv_head in heads.each():
        keys, values = heads.key[kv_head].T, heads.value[kv_head]
        for rows in tiles(num_rows, query_tile):
            queries = heads.query[head, rows] * heads.scale
            running = Running.empty(len(queries), width, output.dtype)
            for columns in tiles(visible_end(rows, len(values), heads.offset), kv_tile):
                scores = queries @ keys[:, columns]
                hide_future(scores, rows, columns, heads.offset)
                running.absorb(scores, values[columns])
            output[head, rows], log_sum_exp[head, rows] = running.finish()
    return output.reshape(heads.output_shape), log_sum_exp.reshape(heads.output_shape[:-1])


def tiled_attention_backward(
    grad_output: ArrayLike,
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    output: ArrayLike,
    log_sum_exp: ArrayLike,
    *,
    causal: bool = False,
    offset: int = 0,
    query_tile: int = QUERY_TILE,
    kv_tile: int = KV_TILE,
) -> tuple[Array, Array, Array]:
    """Gradients for query, key and value; the weights are computed again, tile by tile.

    ``output`` and ``log_sum_exp`` are what `tiled_attention` returned for the same inputs. With
    P = exp(S - log_sum_exp) and dP = dO Vᵀ, the softmax has the gradient dS = P (dP - D), where D
    is the sum over a row of P dP. That sum is also the row's sum of dO · O, which needs no table.

    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 4; loops as in Dao 2023, algorithm 2.

    Raises
    ------
    ShapeError
        When the shapes do not fit each other.
    CourseError
        When a tile is smaller than one row.
    """
    check_tiles(query_tile, kv_tile)
    heads = as_heads(query, key, value, causal=causal, offset=offset)
    flat = _flat_as(heads, grad_output, output)
    normalizer = _normalizer(heads, log_sum_exp)
    grads = np.zeros_like(heads.query), np.zeros_like(heads.key), np.zeros_like(heads.value)
    grad_query, grad_key, grad_value = grads
    num_rows, num_keys = heads.query.shape[1], heads.key.shape[1]
    for head, kv_head in heads.each():
        grad_out, out = flat[0][head], flat[1][head]
        row_sums = (grad_out * out).sum(axis=1, keepdims=True)  # the paper's D
        for columns in tiles(num_keys, kv_tile):
            keys, values = heads.key[kv_head, columns], heads.value[kv_head, columns]
            for rows in tiles(num_rows, query_tile):
                if visible_end(rows, num_keys, heads.offset) <= columns.start:
                    continue
                queries = heads.query[head, rows] * heads.scale
                scores = queries @ keys.T
                hide_future(scores, rows, columns, heads.offset)
                weights = np.exp(scores - normalizer[head, rows])
                grad_value[kv_head, columns] += weights.T @ grad_out[rows]
                grad_scores = weights * (grad_out[rows] @ values.T - row_sums[rows])
                grad_query[head, rows] += grad_scores @ keys * heads.scale
                grad_key[kv_head, columns] += grad_scores.T @ queries
    shapes = (np.shape(query), np.shape(key), np.shape(value))
    return (
        grad_query.reshape(shapes[0]),
        grad_key.reshape(shapes[1]),
        grad_value.reshape(shapes[2]),
    )


def _flat_as(heads: Heads, *arrays: ArrayLike) -> list[Array]:
    """Arrays of the output's shape, one head a row."""
    for array in arrays:
        if np.shape(array) != heads.output_shape:
            raise ShapeError(
                f"grad_output or output has shape {np.shape(array)}; these inputs have outputs of "
                f"shape {heads.output_shape}."
            )
    width = heads.output_shape[-1]
    return [
        np.asarray(array, heads.query.dtype).reshape(len(heads.query), -1, width)
        for array in arrays
    ]


def _normalizer(heads: Heads, log_sum_exp: ArrayLike) -> Array:
    if np.shape(log_sum_exp) != heads.output_shape[:-1]:
        raise ShapeError(
            f"log_sum_exp has shape {np.shape(log_sum_exp)}; it needs one number for each row, "
            f"{heads.output_shape[:-1]}."
        )
    rows = np.asarray(log_sum_exp, heads.query.dtype).reshape(len(heads.query), -1, 1)
    return finite(rows)
