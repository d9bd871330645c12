"""What every road in this room asks of its inputs, and the two things they all do with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError, ShapeError

Array = NDArray[Any]


@dataclass(frozen=True)
class Heads:
    """Queries, keys and values with all leading dimensions made one, ``heads``.

    Query head ``h`` attends to key head ``h // group``: with grouped heads several query heads
    share one. ``offset`` is None where every key is visible, else query ``i`` sees the keys up to
    and including ``i + offset``.
    """

    query: Array
    key: Array
    value: Array
    group: int
    offset: int | None
    output_shape: tuple[int, ...]

    @property
    def scale(self) -> Any:
        """1/√head_dim, in the type of the queries."""
        return self.query.dtype.type(1 / math.sqrt(self.query.shape[-1]))

    def each(self) -> Iterator[tuple[int, int]]:
        """Every query head with its key head."""
        for head in range(len(self.query)):
            yield head, head // self.group


def as_heads(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, *, causal: bool, offset: int
) -> Heads:
    """Check shapes and types; float32 stays float32, everything else becomes float64."""
    arrays = [np.asarray(each) for each in (query, key, value)]
    single = all(array.dtype == np.float32 for array in arrays)
    q, k, v = (array.astype(np.float32 if single else np.float64, copy=False) for array in arrays)
    if min(q.ndim, k.ndim, v.ndim) < 2 or 0 in (*q.shape, *k.shape, *v.shape):
        raise ShapeError(
            f"query {q.shape}, key {k.shape}, value {v.shape}; each needs at least "
            "(seq_len, head_dim), and nothing may be empty."
        )
    if q.shape[-1] != k.shape[-1] or k.shape[:-1] != v.shape[:-1]:
        raise ShapeError(
            f"query {q.shape}, key {k.shape}, value {v.shape}; query and key need the same "
            "head_dim, key and value the same everything else."
        )
    group = _group(q.shape[:-2], k.shape[:-2])
    if offset and not causal:
        raise CourseError(f"offset={offset} without causal=True hides nothing; set causal too.")
    return Heads(
        q.reshape(-1, *q.shape[-2:]),
        k.reshape(-1, *k.shape[-2:]),
        v.reshape(-1, *v.shape[-2:]),
        group,
        offset if causal else None,
        (*q.shape[:-1], v.shape[-1]),
    )


def _group(query_heads: tuple[int, ...], key_heads: tuple[int, ...]) -> int:
    """How many query heads share a key head; all other leading dimensions must be equal."""
    if query_heads == key_heads:
        return 1
    fits = len(query_heads) == len(key_heads) and query_heads[:-1] == key_heads[:-1]
    if not fits or query_heads[-1] % key_heads[-1]:
        raise ShapeError(
            f"query has the leading shape {query_heads}, key and value {key_heads}; they must be "
            "equal, but for the number of heads, where the one of query may be a multiple."
        )
    return query_heads[-1] // key_heads[-1]


def check_tiles(query_tile: int, kv_tile: int) -> None:
    """Raise CourseError for a tile that holds nothing."""
    if min(query_tile, kv_tile) < 1:
        raise CourseError(f"query_tile={query_tile}, kv_tile={kv_tile}; a tile has at least 1 row.")


def tiles(length: int, width: int) -> Iterator[slice]:
    """Cut 0 … length - 1 into slices of ``width``; the last one may be shorter."""
    for start in range(0, length, width):
        yield slice(start, min(start + width, length))


def visible_end(rows: slice, length: int, offset: int | None) -> int:
    """How many keys, from the first on, some query of ``rows`` can see."""
    return length if offset is None else max(0, min(length, rows.stop + offset))


def hide_future(scores: Array, rows: slice, columns: slice, offset: int | None) -> None:
    """Set the scores of keys that a query must not see to -∞, in place."""
    if offset is None or columns.stop - 1 <= rows.start + offset:
        return  # every query of this tile sees every key of it
    query = np.arange(rows.start, rows.stop)[:, None]
    key = np.arange(columns.start, columns.stop)
    np.copyto(scores, -np.inf, where=key > query + offset)


def finite(highest: Array) -> Array:
    """``highest``, with 0 where it is -∞: a row that sees no key, whose weights exp(-∞) are 0."""
    return np.where(np.isneginf(highest), highest.dtype.type(0), highest)
