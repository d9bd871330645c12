"""Figures about hardware: how fast, how much memory, and under which roof."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator, StrMethodFormatter
from numpy.typing import ArrayLike, NDArray

from .style import BLUE, INK, VERMILLION

RING: dict[str, Any] = {"color": INK, "markersize": 11, "markerfacecolor": "none", "mew": 2}


def plot_throughput(
    ax: Axes,
    batch_sizes: ArrayLike,
    throughputs: ArrayLike,
    law: Callable[[float], float],
    *,
    half_batch: float,
) -> Axes:
    """Thousands of examples a second against B, with the law that was fitted and its knee.

    ``throughputs`` and ``law(batch_size)`` are in examples a second.
    """
    sizes = np.asarray(batch_sizes)
    curve = np.geomspace(sizes.min(), sizes.max(), 61)
    fitted = [law(size) / 1e3 for size in curve]
    ax.plot(curve, fitted, "-", color=BLUE, marker="", label="fitted")
    ax.plot(sizes, np.asarray(throughputs) / 1e3, "s", color=VERMILLION, label="measured")
    if np.isfinite(half_batch):
        ax.plot([half_batch], [law(half_batch) / 1e3], "o", label="knee", **RING)
    _both_logarithmic(ax, "batch size B", "thousand examples a second")
    ax.legend(loc="lower right")
    return ax


def plot_memory(
    ax: Axes,
    batch_sizes: ArrayLike,
    used: ArrayLike,
    law: Callable[[float], float],
    *,
    predicted: tuple[float, float] | None = None,
) -> Axes:
    """Megabytes (10⁶ bytes) of a step against B: measured, the fitted law, one size kept apart.

    ``predicted`` is a batch size that the fit had not seen, and the bytes it was found to need.
    """
    sizes = np.asarray(batch_sizes)
    last = sizes.max() if predicted is None else max(sizes.max(), predicted[0])
    curve = np.geomspace(sizes.min(), last, 61)
    ax.plot(curve, [law(size) / 1e6 for size in curve], "-", color=BLUE, marker="", label="fitted")
    ax.plot(sizes, np.asarray(used) / 1e6, "s", color=VERMILLION, label="measured, and fitted to")
    if predicted is not None:
        size, found = predicted
        ax.plot(
            [size],
            [found / 1e6],
            "o",
            color=INK,
            ms=11,
            mfc="none",
            mew=2,
            label="measured, kept apart",
        )
    _both_logarithmic(ax, "batch size B", "MB")
    ax.legend(loc="upper left")
    return ax


def plot_roof(
    ax: Axes,
    points: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    peak_flops: float,
    bandwidth: float,
) -> Axes:
    """GFLOP/s against arithmetic intensity: a machine's roof, and what was measured under it.

    ``points`` names series of (FLOP per byte, FLOP a second). ``peak_flops`` in FLOP a second,
    ``bandwidth`` in bytes a second.

    Source: Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785, figure 1.
    """
    ridge = peak_flops / bandwidth
    everywhere = np.concatenate([np.asarray(across, dtype=float) for across, _ in points.values()])
    low, high = min(everywhere.min(), ridge) / 2, max(everywhere.max(), ridge) * 2
    corners: NDArray[np.float64] = np.array([low, ridge, high])
    roof = np.minimum(peak_flops, corners * bandwidth) / 1e9
    ax.plot(corners, roof, "-", color=BLUE, marker="", label="roof")
    looks = [(VERMILLION, "s"), (INK, "^")]
    for (name, (across, up)), (color, marker) in zip(points.items(), looks, strict=False):
        ax.plot(np.asarray(across), np.asarray(up) / 1e9, marker, color=color, label=name)
    _both_logarithmic(ax, "FLOP per byte", "GFLOP a second")
    ax.legend(loc="lower right")
    return ax


def _both_logarithmic(ax: Axes, xlabel: str, ylabel: str) -> None:
    ax.set(xscale="log", yscale="log", xlabel=xlabel, ylabel=ylabel)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.grid(axis="y")
