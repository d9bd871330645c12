"""How noisy the gradient is, in one number with a unit: examples.

`noise_scale` is exact for gradients that are all there; `estimate_noise_scale` comes from squared
norms of gradients over batches, with an interval; `gradient_diversity` is another paper's name for
almost the same number.
"""

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import BatchSizeError, CourseError, ShapeError
from .per_example import as_rows


def covariance_trace(per_example: ArrayLike) -> Any:
    """tr(Σ): the variances of all p parameters' gradients, added up. Divisor N.

    It is also the mean squared distance of one example's gradient from the full gradient, so a
    batch of B independent draws lies tr(Σ)/B away in mean square.
    """
    rows = as_rows(per_example)
    away = rows - rows.sum(axis=0) / len(rows)
    return (away * away).sum() / len(rows)


def noise_scale(per_example: ArrayLike) -> float:
    """Simple noise scale, in examples: tr(Σ)/|G|².

    G is the mean of the rows and Σ their covariance with divisor N, so the rows are taken as the
    whole population. At a batch size equal to it (independent draws), noise and signal of the
    mini-batch gradient are equally large: E|g − G|² = |G|².

    With rows that are only a sample of the data, |G|² comes out too large, on average by tr(Σ)/N:
    many rows are needed where the noise scale is large. Averaging this ratio over several small
    samples does not help; average numerator and denominator separately.

    Source: McCandlish et al. 2018, arXiv:1812.06162, equation 2.9, their B_simple.

    Raises
    ------
    CourseError
        When the mean gradient is exactly zero, where the ratio is not defined.
    """
    rows = as_rows(per_example)
    mean = rows.sum(axis=0) / len(rows)
    signal = float(mean @ mean)
    if signal == 0:
        raise CourseError(
            "the mean gradient is exactly 0, so tr(Σ)/|G|² is not defined; "
            "look at covariance_trace, or at other parameters."
        )
    return float(covariance_trace(np.asarray(rows))) / signal


def gradient_diversity(per_example: ArrayLike) -> float:
    """Σ|gᵢ|² / |Σgᵢ|²: how little the examples' gradients repeat each other; no unit.

    1/N when all are equal, 1 when they are orthogonal. N times it is 1 + `noise_scale`.

    Source: Yin et al. 2018, arXiv:1706.05699, definition 1; N times it is their batch-size bound.
    """
    rows = as_rows(per_example)
    return (1.0 + noise_scale(rows)) / len(rows)


class NoiseScale(NamedTuple):
    """An estimate of the simple noise scale with its interval, and the two numbers it is made of.

    Attributes
    ----------
    examples
        tr(Σ)/|G|², in examples.
    low, high
        The ends of its interval, in examples; not symmetric, because it is a ratio.
    noise, signal
        The estimates of tr(Σ) and of |G|², each unbiased.
    """

    examples: float
    low: float
    high: float
    noise: float
    signal: float

    @property
    def ends(self) -> tuple[float, float]:
        """The lower and the upper end."""
        return self.low, self.high


def estimate_noise_scale(
    small_squared_norms: ArrayLike,
    big_squared_norms: ArrayLike,
    *,
    small_batch: int,
    big_batch: int,
    coverage: float = 0.95,
) -> NoiseScale:
    """Noise scale from |g|² at two batch sizes, as a ratio of means, with an interval.

    E|g_B|² = |G|² + tr(Σ)/B. Two batch sizes are two equations, so each pair of squared norms
    gives an unbiased tr(Σ) and an unbiased |G|²; both are averaged over the pairs first, and
    divided once. (The ratio within a single pair may be negative, or huge.)

    The interval is Fieller's, for the ratio of two correlated means; it supposes that the pairs
    are independent and enough of them (20, say) for their means to be about normal.

    Parameters
    ----------
    small_squared_norms, big_squared_norms
        |g|² at the two batch sizes, shape ``(pairs,)``. The two of one pair may share examples:
        rank gradients and their average; or, with ``small_batch=1``, the mean of |gᵢ|² over the
        examples of a batch, and |g|² of that batch.
    small_batch, big_batch
        Over how many examples each of the two gradients is a mean.
    coverage
        Of the interval.

    Raises
    ------
    ShapeError
        When the two are not vectors of one length, or there are fewer than 2 pairs.
    BatchSizeError
        Unless 1 <= small_batch < big_batch.
    CourseError
        When |G|² cannot be told from 0 with these pairs: then the ratio has no upper end. Also
        when a squared norm is not finite, or coverage does not lie between 0 and 1.

    Source: McCandlish et al. 2018, arXiv:1812.06162, appendix A.1; Fieller 1954, the interval.
    """
    small = np.asarray(small_squared_norms, dtype=np.float64)
    big = np.asarray(big_squared_norms, dtype=np.float64)
    _check_pairs(small, big, small_batch, big_batch, coverage)
    noise = (small - big) / (1 / small_batch - 1 / big_batch)
    signal = (big_batch * big - small_batch * small) / (big_batch - small_batch)
    return _ratio_of_means(noise, signal, coverage)


def _ratio_of_means(above: Any, below: Any, coverage: float) -> NoiseScale:
    """All ratios r for which mean(above) - r · mean(below) is within z standard errors of 0."""
    z = NormalDist().inv_cdf(0.5 + coverage / 2)
    top, bottom = float(above.mean()), float(below.mean())
    cov = np.cov(above, below) / len(above)
    square = bottom**2 - z**2 * float(cov[1, 1])
    if bottom <= 0 or square <= 0:
        raise CourseError(
            f"after {len(above)} pairs the squared gradient is {bottom:.3g} ± "
            f"{z * math.sqrt(cov[1, 1]):.3g}, which cannot be told from 0; "
            "use more pairs, or a larger big_batch."
        )
    middle = top * bottom - z**2 * float(cov[0, 1])
    root = math.sqrt(max(0.0, middle**2 - square * (top**2 - z**2 * float(cov[0, 0]))))
    return NoiseScale(top / bottom, (middle - root) / square, (middle + root) / square, top, bottom)


def _check_pairs(small: Any, big: Any, small_batch: int, big_batch: int, coverage: float) -> None:
    if small.ndim != 1 or small.shape != big.shape or len(small) < 2:
        raise ShapeError(
            f"squared norms of shapes {small.shape} and {big.shape}; "
            "give one of each per pair, and at least 2 pairs."
        )
    if not 1 <= small_batch < big_batch:
        raise BatchSizeError(
            f"small_batch={small_batch} and big_batch={big_batch}; two different batch sizes are "
            "needed, the smaller one first."
        )
    if not (np.isfinite(small).all() and np.isfinite(big).all()):
        raise CourseError(
            "a squared norm is not a finite number; look for the step where the loss diverged."
        )
    if not 0 < coverage < 1:
        raise CourseError(f"coverage={coverage}; it must lie between 0 and 1, for example 0.95.")
