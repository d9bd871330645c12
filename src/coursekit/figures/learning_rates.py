"""Figures about learning rates: what a rule costs at each batch size, and how sharp a loss is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from .style import SOFT


def plot_by_batch_size(
    ax: Axes,
    batch_sizes: ArrayLike,
    series: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    ylabel: str,
) -> Axes:
    """Values with error bars against the batch size, on two logarithmic scales.

    ``series[name]`` is (values, half widths of their intervals), each as long as ``batch_sizes``;
    NaN where there is no value.
    """
    sizes = np.asarray(batch_sizes)
    for name, (values, half_widths) in series.items():
        middle, half = np.asarray(values, dtype=float), np.asarray(half_widths, dtype=float)
        there = np.isfinite(middle)
        (line,) = ax.plot(sizes[there], middle[there], label=name)
        low = np.maximum(middle - half, middle / 10)
        ax.vlines(sizes, low, middle + half, color=line.get_color(), lw=3, alpha=0.5)
    ax.set(xscale="log", yscale="log", xlabel="batch size B", ylabel=ylabel)
    ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
    ax.minorticks_off()
    ax.grid(axis="y")
    _legend_below(ax)
    return ax


def plot_sharpness(
    ax: Axes, x: ArrayLike, sharpness: Mapping[str, ArrayLike], limits: Sequence[float], *,
    xlabel: str,
) -> Axes:  # fmt: skip
    """Sharpness along training, a line a run, and each run's limit 2/η as a level without mark.

    A limit far above every sharpness lies outside of the frame; the text alternative still says it.
    ``sharpness[name]`` is as long as ``x``, NaN or infinite where the run has diverged; ``limits``
    has one number a run, in the same order.
    """
    places = np.asarray(x)
    for (name, values), limit in zip(sharpness.items(), limits, strict=True):
        (line,) = ax.plot(places, np.asarray(values, dtype=float), label=name)
        ax.plot(
            places[[0, -1]],
            [limit] * 2,
            color=line.get_color(),
            linestyle=line.get_linestyle(),
            marker="",
            lw=1,
            label=f"{name}, its 2/η",
        )
    found = np.concatenate([np.asarray(values, dtype=float) for values in sharpness.values()])
    highest = float(np.max(found, initial=0.0, where=np.isfinite(found)))
    ax.set_ylim(0, 1.25 * highest or None)
    ax.set_xlabel(xlabel)
    ax.set_ylabel("sharpness L")
    handles, labels = ax.get_legend_handles_labels()
    ax.legend(handles[::2], labels[::2], loc="upper left", bbox_to_anchor=(-0.02, -0.2), ncols=2)
    ax.annotate(
        "thin levels: 2/η", (1, 1), xycoords="axes fraction", ha="right", va="top", color=SOFT
    )
    return ax


def _legend_below(ax: Axes) -> None:
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.2), ncols=2, columnspacing=1.4)
