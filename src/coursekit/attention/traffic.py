"""What travels between slow and fast memory, counted while attention is computed.

An accelerator computes in a small fast memory; its inputs and results live in a large slow one.
Here the slow memory is an object, `SlowMemory`, which hands out copies and counts each number that
passes. Three ways to compute attention of one head run on it:

- `standard`: scores, weights and output one after the other, each written back;
- `keys_outside`: tiles, with the loop over keys outside, as in version 1 of Flash Attention;
- `queries_outside`: tiles, with the loop over queries outside, as in version 2.

Beside each stands the formula for what it moves. Only whole rows are counted; what a multiplication
of matrices reads again because its inputs do not fit is left out, in favor of the standard way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from .online_softmax import Running
from .reference import softmax
from .shapes import Array, as_heads, check_tiles, tiles

EVERYTHING = slice(None)


@dataclass
class SlowMemory:
    """Named arrays that can be reached only by `load` and `store`, which count the numbers moved.

    Attributes
    ----------
    read, written
        Numbers moved to fast memory, and back, so far.
    """

    arrays: dict[str, Array]
    read: int = 0
    written: int = 0

    def load(self, name: str, rows: slice = EVERYTHING) -> Array:
        """Copy rows into fast memory."""
        piece = self.arrays[name][rows].copy()
        self.read += piece.size
        return piece

    def store(self, name: str, piece: Array, rows: slice = EVERYTHING) -> None:
        """Write rows back; a whole array under a new name is allowed as well."""
        self.written += piece.size
        if name in self.arrays:
            self.arrays[name][rows] = piece
        else:
            self.arrays[name] = piece.copy()


@dataclass(frozen=True)
class Moved:
    """An output and what it took to compute it, in numbers (not bytes)."""

    output: Array = field(repr=False)
    read: int
    written: int

    @property
    def total(self) -> int:
        """Read and written together."""
        return self.read + self.written


def standard(query: ArrayLike, key: ArrayLike, value: ArrayLike) -> Moved:
    """The definition, step by step: the table goes to slow memory twice and comes back twice.

    All functions of this module take one head: query ``(n, d)``, key and value ``(m, d)``.

    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 0.
    """
    memory, scale = _slow(query, key, value)
    memory.store("scores", memory.load("query") @ memory.load("key").T * scale)
    memory.store("weights", softmax(memory.load("scores")))
    memory.store("output", memory.load("weights") @ memory.load("value"))
    return _moved(memory)


def keys_outside(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, *, query_tile: int, kv_tile: int
) -> Moved:
    """Each key tile is loaded once; queries and half-finished outputs come and go for each.

    Between two key tiles the output, its largest score and its sum wait in slow memory.

    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 1 (version 1). The paper stores the output
    divided by its sum; dividing at the end moves as much.
    """
    check_tiles(query_tile, kv_tile)
    memory, scale = _slow(query, key, value)
    n, m, width = _sizes(memory)
    memory.arrays["output"] = np.zeros((n, width))
    memory.arrays["highest"] = np.full((n, 1), -np.inf)
    memory.arrays["total"] = np.zeros((n, 1))
    for columns in tiles(m, kv_tile):
        keys, values = memory.load("key", columns), memory.load("value", columns)
        for rows in tiles(n, query_tile):
            queries = memory.load("query", rows)
            running = Running(*(memory.load(name, rows) for name in ("highest", "total", "output")))
            running.absorb(queries @ keys.T * scale, values)
            if columns.stop == m:
                running.output, _ = running.finish()
            memory.store("output", running.output, rows)
            memory.store("highest", running.highest, rows)
            memory.store("total", running.total, rows)
    return _moved(memory)


def queries_outside(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, *, query_tile: int, kv_tile: int
) -> Moved:
    """Each query tile is loaded once and its output stays in fast memory; keys come again for each.

    Source: Dao 2023, arXiv:2307.08691, algorithm 1 (version 2).
    """
    check_tiles(query_tile, kv_tile)
    memory, scale = _slow(query, key, value)
    n, m, width = _sizes(memory)
    memory.arrays["output"] = np.zeros((n, width))
    memory.arrays["log_sum_exp"] = np.zeros(n)
    for rows in tiles(n, query_tile):
        queries = memory.load("query", rows)
        running = Running.empty(len(queries), width, queries.dtype)
        for columns in tiles(m, kv_tile):
            scores = queries @ memory.load("key", columns).T * scale
            running.absorb(scores, memory.load("value", columns))
        output, log_sum_exp = running.finish()
        memory.store("output", output, rows)
        memory.store("log_sum_exp", log_sum_exp, rows)
    return _moved(memory)


def standard_formula(seq_len: int, head_dim: int) -> int:
    """4nd + 4n²: what `standard` moves for n queries and n keys."""
    return 4 * seq_len * head_dim + 4 * seq_len**2


def keys_outside_formula(seq_len: int, head_dim: int, kv_tile: int) -> int:
    """2nd + T (3nd + 4n), with T = ⌈n / kv_tile⌉: what `keys_outside` moves."""
    passes = math.ceil(seq_len / kv_tile)
    return 2 * seq_len * head_dim + passes * (3 * seq_len * head_dim + 4 * seq_len)


def queries_outside_formula(seq_len: int, head_dim: int, query_tile: int) -> int:
    """2nd + n + T 2nd, with T = ⌈n / query_tile⌉: what `queries_outside` moves."""
    passes = math.ceil(seq_len / query_tile)
    return 2 * seq_len * head_dim + seq_len + passes * 2 * seq_len * head_dim


def paper_tiles(fast_memory: int, head_dim: int) -> tuple[int, int]:
    """``(query_tile, kv_tile)`` for a fast memory of that many numbers.

    The keys' tile is a quarter of the memory, ⌈M / 4d⌉ rows; so T is proportional to nd/M, and
    the traffic of `keys_outside` to n²d²/M.

    Source: Dao et al. 2022, arXiv:2205.14135, algorithm 1, line 1, and theorem 2.
    """
    kv_tile = math.ceil(fast_memory / (4 * head_dim))
    return min(kv_tile, head_dim), kv_tile


def score_table_bytes(
    batch_size: int, num_heads: int, seq_len: int, *, bytes_per_number: int = 2
) -> int:
    """Memory for the scores of one layer: batch_size · num_heads · seq_len² numbers."""
    return batch_size * num_heads * seq_len**2 * bytes_per_number


def _slow(query: ArrayLike, key: ArrayLike, value: ArrayLike) -> tuple[SlowMemory, float]:
    """One head in slow memory, in float64, and the factor 1/√d."""
    inputs = (np.asarray(each, dtype=float) for each in (query, key, value))
    heads = as_heads(*inputs, causal=False, offset=0)
    arrays = {"query": heads.query[0], "key": heads.key[0], "value": heads.value[0]}
    return SlowMemory(arrays), float(heads.scale)


def _sizes(memory: SlowMemory) -> tuple[int, int, int]:
    arrays = memory.arrays
    return len(arrays["query"]), len(arrays["key"]), arrays["value"].shape[1]


def _moved(memory: SlowMemory) -> Moved:
    return Moved(memory.arrays["output"], memory.read, memory.written)
