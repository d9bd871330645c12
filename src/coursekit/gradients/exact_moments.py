"""Mean and covariance over all batches, exactly, without listing the batches.

Listing C(40, 20), about 138 billion batches, would take weeks. Two facts make it unnecessary:

1. *Pairs.* Take every sum a from one list together with every sum b from another. The mean of
   a + b is the sum of the means, its covariance the sum of the covariances: in the table of all
   pairs, each a meets each b exactly once.
2. *Halves.* Split the examples into two halves. A batch of B has k examples from the left half and
   B - k from the right, for one k. For each k the batches are all such pairs (fact 1); together
   they are every batch once (Vandermonde: C(N, B) = Σ_k C(L, k) C(R, B - k)).

Each half is split the same way, down to single examples. No law about variances is assumed, so
the result can be held against one.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .per_example import as_rows, check_batch_size


@dataclass(frozen=True)
class BatchMoments:
    """The distribution of the batch mean over all equally likely batches.

    Attributes
    ----------
    mean
        Shape ``(p,)``: the expectation of the mini-batch gradient.
    covariance
        Shape ``(p, p)``: its covariance over the batches (they are all there, so the divisor is
        their number).
    num_batches
        How many batches there are, as an exact integer.
    """

    mean: NDArray[Any]
    covariance: NDArray[Any]
    num_batches: int

    @property
    def variance(self) -> NDArray[Any]:
        """The diagonal of the covariance, shape ``(p,)``."""
        return self.covariance.diagonal()


def exact_moments(
    per_example: ArrayLike, batch_size: int, *, replacement: bool = False
) -> BatchMoments:
    """Mean and covariance of the mini-batch gradient over every possible batch.

    All C(N, B) sets of examples, or with ``replacement`` all N**B ordered draws. In float64 exact
    up to rounding (a few units in the last place); over `fractions.Fraction` exact.

    Raises
    ------
    BatchSizeError
        When the batch does not fit the data.
    ShapeError
        When ``per_example`` is not ``(N, p)``.
    """
    rows = as_rows(per_example)
    check_batch_size(batch_size, len(rows), replacement=replacement)
    if replacement:
        one_draw = _union([_single(row) for row in rows])
        sums = reduce(_all_pairs, [one_draw] * batch_size)
    else:
        sums = _sums_of_sets(rows, range(batch_size, batch_size + 1))[batch_size]
    return BatchMoments(sums.mean / batch_size, sums.covariance / batch_size**2, sums.count)


def exact_moments_fractions(
    per_example: ArrayLike, batch_size: int, *, replacement: bool = False
) -> BatchMoments:
    """`exact_moments` over rational numbers: no rounding anywhere, so no tolerance is needed.

    Every entry is converted to the `fractions.Fraction` it is (a float is a binary fraction).
    ``mean`` and ``covariance`` are arrays of Fraction objects; compare them with ``==``.
    """
    rows = np.asarray(per_example, dtype=object)
    as_fraction = np.frompyfunc(Fraction, 1, 1)
    return exact_moments(as_fraction(rows), batch_size, replacement=replacement)


@dataclass(frozen=True)
class _Sums:
    """A list of sums that is never written out: how many, their mean and their covariance."""

    count: int
    mean: NDArray[Any]
    covariance: NDArray[Any]


def _single(row: NDArray[Any]) -> _Sums:
    return _Sums(1, row, np.multiply.outer(row, row) * 0)


def _all_pairs(left: _Sums, right: _Sums) -> _Sums:
    """Fact 1: every sum of the left list plus every sum of the right one."""
    return _Sums(
        left.count * right.count, left.mean + right.mean, left.covariance + right.covariance
    )


def _union(parts: list[_Sums]) -> _Sums:
    """All lists together: covariance inside the lists plus covariance between their means."""
    count = sum(part.count for part in parts)
    exact = parts[0].mean.dtype == object
    shares = [Fraction(part.count, count) for part in parts]
    weights = np.array(shares if exact else [float(share) for share in shares])
    means = np.stack([part.mean for part in parts])
    mean = weights @ means
    away = means - mean
    inside = np.tensordot(weights, np.stack([part.covariance for part in parts]), axes=1)
    return _Sums(count, mean, inside + (away.T * weights) @ away)


def _sums_of_sets(rows: NDArray[Any], sizes: range) -> dict[int, _Sums]:
    """For each size, the sums of all sets of that many rows (fact 2)."""
    if len(rows) == 1:
        empty = _single(rows[0] * 0)
        return {0: empty, 1: _single(rows[0])}
    half = len(rows) // 2
    smaller = range(sizes.stop)
    left, right = _sums_of_sets(rows[:half], smaller), _sums_of_sets(rows[half:], smaller)
    return {
        size: _union([_all_pairs(left[k], right[size - k]) for k in left if size - k in right])
        for size in sizes
        if size <= len(rows)
    }
