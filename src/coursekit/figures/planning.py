"""Figures of a plan: the time to a given loss against the batch size, and where its parts stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from .style import BLUE, INK, LINE, VERMILLION

MARKERS = "sD^v"


def plot_time_to_loss(
    ax: Axes,
    batch_sizes: ArrayLike,
    times: ArrayLike,
    *,
    proposed: int,
    good: tuple[int, int],
    marks: Mapping[str, float],
    raced: Sequence[tuple[int, float]] = (),
) -> Axes:
    """Predicted time over the best one, the range that is equally good, and named batch sizes.

    ``times`` is 1 at the best. ``marks`` are further batch sizes by name, for example the knee and
    the noise scale; each is put onto the curve. ``raced`` are pairs of a batch size and measured
    seconds, drawn over the least of them. The vertical axis ends at 6 times the best.
    """
    sizes, relative = np.asarray(batch_sizes, dtype=float), np.asarray(times, dtype=float)

    def at(size: float) -> float:
        return float(np.interp(np.log(size), np.log(sizes), relative))

    ax.axvspan(*good, color=LINE, alpha=0.5, lw=0)
    ax.plot(sizes, relative, "-", color=BLUE, marker="", label="predicted time")
    for place, (name, size) in enumerate(marks.items()):
        marker = MARKERS[place % len(MARKERS)]
        ax.plot([size], [at(size)], marker, color=INK, label=name)
    ax.plot([proposed], [at(proposed)], "o", color=VERMILLION, ms=9, label="proposed")
    if raced:
        places, seconds = zip(*raced, strict=True)
        ratios = np.divide(seconds, min(seconds))
        ax.plot(places, ratios, "x", color=VERMILLION, ms=8, mew=2, label="raced")
    ax.set_xscale("log", base=2)
    ax.set_ylim(0, min(6.0, float(relative.max()) * 1.1))
    ax.set_xlabel("examples in a step")
    ax.set_ylabel("time to a given loss, best = 1")
    ax.legend(loc="upper center")
    return ax
