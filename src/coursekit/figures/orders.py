"""Figures about the order in which examples are visited: races, exponents, class balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError
from .style import BLUE, INK, VERMILLION

LOOKS: dict[str, dict[str, Any]] = {
    "sorted": {"color": INK, "linestyle": "-", "marker": "x"},
    "fixed": {"color": INK, "linestyle": "--", "marker": "v"},
    "with replacement": {"color": VERMILLION, "linestyle": "-", "marker": "s"},
    "buffer": {"color": VERMILLION, "linestyle": ":", "marker": "D"},
    "shuffled once": {"color": BLUE, "linestyle": "--", "marker": "^"},
    "reshuffled": {"color": BLUE, "linestyle": "-", "marker": "o"},
}
"""One look an order, the same in every figure; each differs from the others in more than color."""

LAW_LOOKS: list[dict[str, Any]] = [
    {"color": BLUE, "linestyle": "-"},
    {"color": INK, "linestyle": "--"},
    {"color": INK, "linestyle": ":"},
]


def _look(name: str) -> dict[str, Any]:
    """The look of the order whose name begins ``name``: "buffer of 16" looks like a buffer."""
    known = [look for order, look in LOOKS.items() if name.startswith(order)]
    if not known:
        raise CourseError(f"{name!r} names no order; begin it with one of: {', '.join(LOOKS)}.")
    return known[0]


def plot_race(
    ax: Axes,
    x: ArrayLike,
    runs: Mapping[str, ArrayLike],
    *,
    xlabel: str,
    ylabel: str,
    marks: int = 7,
) -> Axes:
    """One line a contestant on logarithmic scales up: the mean over its runs, and its 95 % band.

    ``runs[name]`` has shape ``(members, len(x))``. The band is the normal interval of the mean,
    the spread of the members divided by the square root of how many there are. A single member
    has no band.

    Raises
    ------
    CourseError
        When a name does not begin with the name of an order.
    """
    places = np.asarray(x)
    for name, members in runs.items():
        look = _look(name)
        values = np.atleast_2d(np.asarray(members, dtype=float))
        mean, half = _mean_and_half_width(values)
        every = max(1, len(places) // marks)
        ax.plot(places, mean, **look, markevery=every, ms=5, lw=1.6, label=name)
        if len(values) > 1:
            floor = mean.min() / 100
            low = np.maximum(mean - half, floor)
            ax.fill_between(places, low, mean + half, color=look["color"], alpha=0.15, lw=0)
    ax.set_yscale("log")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    _legend_beside(ax)
    return ax


def plot_powers(
    ax: Axes, x: ArrayLike, series: Mapping[str, tuple[ArrayLike, ArrayLike]], *, xlabel: str,
    ylabel: str,
) -> Axes:  # fmt: skip
    """Values with error bars on two logarithmic scales, where a power law is a straight line.

    ``series[name]`` is (values, half widths of their intervals), each of the length of ``x``.

    Raises
    ------
    CourseError
        When a name does not begin with the name of an order.
    """
    places = np.asarray(x)
    for name, (values, half_widths) in series.items():
        look = _look(name)
        middle, half = np.asarray(values, dtype=float), np.asarray(half_widths, dtype=float)
        ax.plot(places, middle, **look, ms=6, lw=1.6, label=name)
        low = np.maximum(middle - half, middle / 10)
        ax.vlines(places, low, middle + half, color=look["color"], lw=3, alpha=0.5)
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    ax.set_xticks(places, [f"{place:g}" for place in places])
    ax.minorticks_off()
    _legend_beside(ax)
    return ax


def plot_class_share(
    ax: Axes, shares: Mapping[str, ArrayLike], *, fair: float, observed: Sequence[str] = ()
) -> Axes:
    """Share of one class in each batch of an epoch, a line an order; ``fair`` is a horizontal line.

    Names in ``observed`` are drawn as loose marks: what one epoch gave, beside at most three laws.
    """
    ax.axhline(fair, color=BLUE, lw=1, label="_fair")
    laws = iter(LAW_LOOKS)
    for name, share in shares.items():
        values = np.asarray(share, dtype=float)
        places = np.arange(1, len(values) + 1)
        if name in observed:
            ax.plot(places, values, "s", color=VERMILLION, ms=4, label=name)
        else:
            ax.plot(places, values, **next(laws), marker="", label=name)
    ax.set_ylim(-0.04, 1.04)
    ax.set_xlabel("batch of the epoch")
    ax.set_ylabel("share of the second class")
    _legend_beside(ax)
    return ax


def _mean_and_half_width(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    mean = values.mean(axis=0)
    if len(values) == 1:
        return mean, np.zeros_like(mean)
    return mean, 1.96 * values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _legend_beside(ax: Axes) -> None:
    """Below the picture, where no line can run through it, in two columns."""
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.18), ncols=2, columnspacing=1.4)
