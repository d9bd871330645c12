"""How noisy the gradient is, in one number with a unit: examples."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CourseError
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
