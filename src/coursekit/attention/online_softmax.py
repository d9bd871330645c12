"""Softmax and its weighted average in one pass, piece by piece: what makes tiles possible.

A softmax seems to need two passes over a row: one for the largest score and the sum, one for the
weights. One is enough if what was added up so far can be corrected. Everything known about the
part that was read are three things, `Running`; reading a further piece corrects them by one factor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ShapeError
from .shapes import Array, check_tiles, finite, tiles


@dataclass
class Running:
    """What is kept of the keys read so far, for each of ``n`` rows.

    Attributes
    ----------
    highest
        Shape ``(n, 1)``: the largest score, the paper's m. It is -∞ before the first key.
    total
        Shape ``(n, 1)``: Σ exp(score - highest), the paper's ℓ.
    output
        Shape ``(n, d)``: Σ exp(score - highest) · value, the paper's O before its division.
    """

    highest: Array
    total: Array
    output: Array

    @classmethod
    def empty(cls, num_rows: int, width: int, dtype: np.dtype[Any]) -> Running:
        """Nothing read yet."""
        highest = np.full((num_rows, 1), -np.inf, dtype)
        return cls(highest, np.zeros_like(highest), np.zeros((num_rows, width), dtype))

    def absorb(self, scores: Array, values: Array) -> None:
        """Read one more piece: ``scores`` ``(n, w)``, which is overwritten, ``values`` ``(w, d)``.

        Whenever the largest score rises, all that was added up is too large by the same factor,
        exp(old - new). One multiplication per row puts it right.

        Source: Milakov and Gimelshein 2018, arXiv:1805.02867, algorithm 3, for the sum;
        Rabe and Staats 2021, arXiv:2112.05682, section 2, for the average.
        """
        highest = np.maximum(self.highest, scores.max(axis=1, keepdims=True))
        shift = finite(highest)
        scores -= shift
        weights = np.exp(scores, out=scores)
        correction = np.exp(self.highest - shift)
        self.total *= correction
        self.total += weights.sum(axis=1, keepdims=True)
        self.output *= correction
        self.output += weights @ values
        self.highest = highest

    def merge(self, other: Running) -> None:
        """Take over what another reader found out about other keys of the same rows.

        The order of merging does not matter, so the parts of a long row can be read side by side.
        """
        highest = np.maximum(self.highest, other.highest)
        shift = finite(highest)
        mine, theirs = np.exp(self.highest - shift), np.exp(other.highest - shift)
        self.total = mine * self.total + theirs * other.total
        self.output = mine * self.output + theirs * other.output
        self.highest = highest

    def finish(self) -> tuple[Array, Array]:
        """The weighted average ``(n, d)``, and log Σ exp(score) ``(n,)``.

        A row that saw no key has the average 0 and the logarithm -∞.
        """
        nothing = self.total == 0
        total = np.where(nothing, self.total.dtype.type(1), self.total)
        log_sum_exp = np.where(nothing, self.highest, finite(self.highest) + np.log(total))
        return self.output / total, log_sum_exp[:, 0]


def online_average(scores: ArrayLike, values: ArrayLike, *, kv_tile: int) -> tuple[Array, Array]:
    """softmax(scores) @ values, reading ``kv_tile`` columns at a time.

    ``scores`` has shape ``(n, m)``, ``values`` shape ``(m, d)``. Returns the average ``(n, d)`` and
    log Σ exp(score) ``(n,)``. This exists to be read and tested; `tiled_attention` does the same
    without ever having all the scores.

    Raises
    ------
    ShapeError
        When there is not one value for each column of scores.
    """
    s, v = np.asarray(scores, dtype=float), np.asarray(values, dtype=float)
    if s.ndim != 2 or v.ndim != 2 or s.shape[1] != len(v) or not s.size:
        raise ShapeError(f"scores {s.shape}, values {v.shape}; they need (n, m) and (m, d).")
    check_tiles(1, kv_tile)
    running = Running.empty(len(s), v.shape[1], s.dtype)
    for columns in tiles(len(v), kv_tile):
        running.absorb(s[:, columns].copy(), v[columns])
    return running.finish()
