"""Figures about the order in which examples are visited: races, exponents, class balance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from .style import BLUE, INK, VERMILLION

LOOKS: list[dict[str, Any]] = [
    {"color": INK, "linestyle": "-", "marker": "x"},
    {"color": INK, "linestyle": "--", "marker": "v"},
    {"color": VERMILLION, "linestyle": "-", "marker": "s"},
    {"color": VERMILLION, "linestyle": ":", "marker": "D"},
    {"color": BLUE, "linestyle": "--", "marker": "^"},
    {"color": BLUE, "linestyle": "-", "marker": "o"},
]
"""Six looks that differ in more than color, for at most six orders in one figure."""


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
    """
    places = np.asarray(x)
    for (name, members), look in zip(runs.items(), LOOKS, strict=False):
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
    """
    places = np.asarray(x)
    for (name, (values, half_widths)), look in zip(series.items(), LOOKS[::-1], strict=False):
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

    Names in ``observed`` are drawn as loose marks: what one epoch gave, beside a law.
    """
    ax.axhline(fair, color=BLUE, lw=1, label="_fair")
    for (name, share), look in zip(shares.items(), LOOKS, strict=False):
        values = np.asarray(share, dtype=float)
        places = np.arange(1, len(values) + 1)
        drawn = {**look, "linestyle": ""} if name in observed else {**look, "marker": ""}
        ax.plot(places, values, **drawn, ms=5, label=name)
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
