"""Intervals from many seeded runs: how sure a mean, or a ratio of two means, is."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CourseError


class Interval(NamedTuple):
    """An estimate and the half width of its interval; unpacks as ``center, half_width``."""

    center: float
    half_width: float

    @property
    def ends(self) -> tuple[float, float]:
        """The lower and the upper end."""
        return self.center - self.half_width, self.center + self.half_width


def mean_interval(values: ArrayLike, *, coverage: float = 0.95) -> Interval:
    """Normal interval of a mean over independent runs: mean ± z · s/√n.

    >>> found = mean_interval([1.0, 3.0])
    >>> found.center, round(found.half_width, 6)
    (2.0, 1.959964)

    Raises
    ------
    CourseError
        When there are fewer than two values: one run says nothing about its spread.
    """
    numbers = np.asarray(values, dtype=np.float64).ravel()
    if len(numbers) < 2:
        raise CourseError(f"{len(numbers)} value(s); an interval needs at least 2 runs.")
    spread = float(numbers.std(ddof=1))
    return Interval(float(numbers.mean()), _z(coverage) * spread / math.sqrt(len(numbers)))


def ratio_interval(above: ArrayLike, below: ArrayLike, *, coverage: float = 0.95) -> Interval:
    """Interval of mean(above) / mean(below) for two independent sets of runs.

    First-order error propagation: the relative half widths of the two means add in squares.
    It needs means that are well away from zero. Never average the ratios of single runs.
    """
    top = mean_interval(above, coverage=coverage)
    bottom = mean_interval(below, coverage=coverage)
    ratio = top.center / bottom.center
    relative = math.hypot(top.half_width / top.center, bottom.half_width / bottom.center)
    return Interval(ratio, abs(ratio) * relative)


def power_interval(
    above: ArrayLike, below: ArrayLike, *, factor: float, coverage: float = 0.95
) -> Interval:
    """The p in mean(above) / mean(below) = factor ** p, with its interval.

    With errors at two learning rates of ratio ``factor``, p is the power of the learning rate
    that the error is proportional to: the slope between two points of a log-log plot.
    """
    ratio = ratio_interval(above, below, coverage=coverage)
    scale = math.log(factor)
    return Interval(math.log(ratio.center) / scale, ratio.half_width / ratio.center / abs(scale))


def _z(coverage: float) -> float:
    if not 0 < coverage < 1:
        raise CourseError(f"coverage={coverage}; it must lie between 0 and 1, for example 0.95.")
    return NormalDist().inv_cdf(0.5 + coverage / 2)
