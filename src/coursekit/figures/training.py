"""Figures about training runs: one epoch read example by example, and where many runs end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from .style import BLUE, INK, VERMILLION

MARKERS = "sDo^v"


def plot_epoch(
    ax: Axes,
    examples_read: ArrayLike,
    batch_losses: ArrayLike,
    full_losses: ArrayLike,
    *,
    one_step: tuple[float, float] | None = None,
) -> Axes:
    """Batch losses and the full loss over the examples read in an epoch.

    ``examples_read`` counts from 0, one entry more than there are steps, and so does
    ``full_losses``: before the first step, then after each. ``batch_losses`` has one entry a step.
    ``one_step`` is the full loss before and after a single step on all examples.
    """
    reads, batch, full = (np.asarray(part) for part in (examples_read, batch_losses, full_losses))
    ax.plot(
        reads, full, "-", color=INK, marker="", drawstyle="steps-post", label="loss of all examples"
    )
    ax.plot(reads[-1:], full[-1:], "o", color=INK, label="_end")
    ax.hlines(batch, reads[:-1], reads[1:], color=VERMILLION, lw=2)
    middles = (reads[:-1] + reads[1:]) / 2
    ax.plot(middles, batch, "s", color=VERMILLION, label="loss of the batch, before its step")
    if one_step is not None:
        ax.plot(
            [reads[0], reads[-1]],
            one_step,
            "--",
            color=BLUE,
            marker="D",
            drawstyle="steps-post",
            label="one full-batch step",
        )
    ax.set_xlabel("examples read")
    ax.set_ylabel("loss")
    ax.set_ylim(0, 1.45 * max(batch.max(), full.max()))  # room for the legend above the data
    ax.legend(loc="upper right")
    return ax


def plot_outcomes(
    ax: Axes, values: ArrayLike, marks: Mapping[str, float], *, label: str, bins: int = 40
) -> Axes:
    """Where many runs end, as a histogram, and single runs as named marks on its axis."""
    counts, edges = np.histogram(np.asarray(values, dtype=float), bins=bins)
    ax.stairs(counts, edges, fill=True, color=VERMILLION, alpha=0.45, label=label)
    for place, (name, value) in enumerate(marks.items()):
        marker, color = MARKERS[place % len(MARKERS)], (INK, BLUE)[place % 2]
        ax.plot([value], [0], marker, color=color, label=name, clip_on=False, zorder=3)
    ax.set_ylim(bottom=0)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.legend()
    return ax
