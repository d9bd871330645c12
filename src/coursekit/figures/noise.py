"""Figures of chapter 09: noise scale by loss, steps by batch size, accuracy by temperature.

All have logarithmic axes where quantities range over orders of magnitude.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator
from numpy.typing import ArrayLike

from .style import BLUE, INK, VERMILLION

LOOKS = (("o", VERMILLION), ("s", BLUE), ("^", INK), ("D", VERMILLION), ("v", BLUE))


def plot_noise_scale(ax: Axes, losses: ArrayLike, scales: Mapping[str, ArrayLike]) -> Axes:
    """Noise scales, in examples, against the training loss, which falls to the right."""
    for name, scale in scales.items():
        ax.plot(np.asarray(losses), np.asarray(scale), label=name)
    ax.set_xscale("log")
    ax.set_yscale("log")
    for axis, ticks in ((ax.xaxis, (1, 0.5, 0.2, 0.1, 0.05)), (ax.yaxis, (10, 30, 100, 300, 1000))):
        axis.set_major_locator(FixedLocator(list(ticks)))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter("{x:g}")
    ax.invert_xaxis()
    ax.grid(axis="y")
    ax.set_xlabel("training loss")
    ax.set_ylabel("noise scale, in examples")
    ax.legend()
    return ax


def plot_steps_to_target(
    ax: Axes, batch_sizes: ArrayLike, runs: ArrayLike, fitted: ArrayLike
) -> Axes:
    """Steps to the target at each batch size: the mean and the range of ``runs``, and a curve.

    ``runs`` has shape ``(batch sizes, seeds)``, ``fitted`` ``(batch sizes,)``.
    """
    sizes, steps = np.asarray(batch_sizes, dtype=float), np.asarray(runs, dtype=float)
    ax.vlines(sizes, steps.min(axis=1), steps.max(axis=1), color=VERMILLION, alpha=0.45, lw=3)
    ax.plot(sizes, steps.mean(axis=1), "s", color=VERMILLION, label="mean of the runs")
    ax.plot(sizes, np.asarray(fitted), "-", color=BLUE, marker="", label="S_min (1 + B_crit/B)")
    _log(ax, sizes, "batch size B", "steps to the target")
    ax.set_yscale("log")
    ax.legend()
    return ax


def plot_tradeoff(
    ax: Axes,
    steps: ArrayLike,
    examples: ArrayLike,
    curve: tuple[ArrayLike, ArrayLike],
    critical: tuple[float, float],
) -> Axes:
    """Steps across, examples up: what each batch size costs, the fitted curve, and its bend.

    ``curve`` and ``critical`` are (steps, examples): of many batch sizes, and of B_crit.
    """
    ax.plot(np.asarray(steps), np.asarray(examples), "s", color=VERMILLION, label="batch sizes run")
    ax.plot(*map(np.asarray, curve), "-", color=BLUE, marker="", label="fitted")
    ax.plot(*[[value] for value in critical], "D", color=INK, ms=8, label="critical batch size")
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("steps to the target")
    ax.set_ylabel("examples to the target")
    ax.legend()
    return ax


def plot_by_temperature(
    ax: Axes, rows: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]]
) -> Axes:
    """Accuracy against learning rate over batch size; a marker for each name.

    Each of ``rows`` holds temperatures, accuracies and the half widths of their intervals.
    """
    everywhere = np.concatenate([np.asarray(row[0], dtype=float) for row in rows.values()])
    for (name, (temperatures, centers, half_widths)), (marker, color) in zip(
        rows.items(), LOOKS, strict=False
    ):
        at, middle, half = (np.asarray(p) for p in (temperatures, centers, half_widths))
        ax.vlines(at, middle - half, middle + half, color=color, lw=2)
        ax.plot(at, middle, marker, color=color, label=name, fillstyle="none", mew=2)
    ax.set_xscale("log", base=2)
    ticks = np.unique(everywhere)
    ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
    ax.set_xticklabels([f"1/{1 / t:.0f}" for t in ticks])
    ax.set_xlabel("learning rate / batch size")
    ax.set_ylabel("test accuracy")
    ax.grid(axis="y")
    ax.legend()
    return ax


def _log(ax: Axes, sizes: np.ndarray[tuple[int], np.dtype[np.float64]], x: str, y: str) -> None:
    """Batch sizes across, on a logarithmic axis, every second one written."""
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_locator(FixedLocator(list(sizes[::2])))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{size:.0f}" for size in sizes[::2]])
    ax.set_xlabel(x)
    ax.set_ylabel(y)
