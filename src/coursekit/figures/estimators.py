"""Figures about the mini-batch gradient as an estimator: where it lands, how far it spreads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from .style import BLUE, INK, VERMILLION


def plot_batch_means(ax: Axes, batch_means: ArrayLike, full_gradient: ArrayLike) -> Axes:
    """Every mini-batch gradient as a dot, the full gradient as a cross.

    ``batch_means`` has shape (num_batches, 2), ``full_gradient`` shape (2,).
    """
    dots, cross = np.asarray(batch_means), np.asarray(full_gradient)
    ax.scatter(
        dots[:, 0], dots[:, 1], s=26, color=VERMILLION, alpha=0.6, linewidths=0, label="mini-batch"
    )
    ax.plot(*cross[:, None], "+", color=BLUE, ms=18, mew=3, label="full gradient")
    ax.set_xlabel("gradient for w₁")
    ax.set_ylabel("gradient for w₂")
    ax.legend(loc="best")
    return ax


def plot_bars(ax: Axes, names: Sequence[str], values: ArrayLike, *, label: str) -> Axes:
    """Horizontal bars, first name on top, each with its value written beside it."""
    lengths = np.asarray(values, dtype=float)
    bars = ax.barh(range(len(names)), lengths, height=0.6, color=VERMILLION, label=label)
    ax.bar_label(bars, fmt="%.2f", padding=4)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.invert_yaxis()
    ax.set_xlim(right=1.15 * lengths.max())
    ax.set_xlabel(label)
    ax.spines["left"].set_visible(False)
    return ax


def plot_intervals(
    ax: Axes, names: Sequence[str], centers: ArrayLike, half_widths: ArrayLike, *, expected: float
) -> Axes:
    """One interval a row, and the ``expected`` value as a vertical line."""
    middle, half = np.asarray(centers, dtype=float), np.asarray(half_widths, dtype=float)
    rows = np.arange(len(names))
    ax.axvline(expected, color=BLUE, label="_expected")
    ax.hlines(rows, middle - half, middle + half, color=VERMILLION, lw=2)
    ax.plot(middle, rows, "s", color=VERMILLION, label="centers")
    ax.set_yticks(rows, names)
    ax.invert_yaxis()
    ax.margins(y=0.15)
    return ax


def plot_laws(
    ax: Axes,
    batch_sizes: ArrayLike,
    with_replacement: ArrayLike,
    without_replacement: ArrayLike,
    observed: tuple[ArrayLike, ArrayLike] | None = None,
) -> Axes:
    """Variance of the mini-batch gradient against batch size, both laws as curves.

    ``observed`` holds (batch sizes, variances) that were found by other means, drawn as squares.
    """
    sizes = np.asarray(batch_sizes)
    ax.plot(sizes, np.asarray(with_replacement), "-", color=BLUE, marker="", label="σ²/B, with")
    ax.plot(
        sizes,
        np.asarray(without_replacement),
        ":",
        color=INK,
        marker="",
        label="σ²/B · (N−B)/(N−1), without",
    )
    if observed is not None:
        found = [np.asarray(part) for part in observed]
        ax.plot(found[0], found[1], "s", color=VERMILLION, label="found by enumeration")
    ax.set_xlabel("batch size B")
    ax.set_ylabel("variance")
    ax.set_ylim(bottom=0)
    ax.legend()
    return ax


def plot_distribution(ax: Axes, samples: ArrayLike, *, bins: int = 40, label: str) -> Axes:
    """Histogram of ``samples`` (density) and the normal curve of equal mean and variance."""
    values = np.asarray(samples, dtype=float)
    density, edges = np.histogram(values, bins=bins, density=True)
    ax.stairs(density, edges, fill=True, color=VERMILLION, alpha=0.45, label=label)
    mean, spread = values.mean(), values.std()
    x = np.linspace(edges[0], edges[-1], 121)
    normal = np.exp(-0.5 * ((x - mean) / spread) ** 2) / (spread * np.sqrt(2 * np.pi))
    ax.plot(x, normal, "-", color=BLUE, marker="", label="normal curve")
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)
    ax.legend()
    return ax


def plot_curves(
    ax: Axes, x: ArrayLike, curves: dict[str, ArrayLike], *, xlabel: str, ylabel: str
) -> Axes:
    """Labeled curves over one x; color, line style and marker all tell them apart."""
    for name, y in curves.items():
        ax.plot(np.asarray(x), np.asarray(y), label=name)
    ax.grid(axis="y")
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.legend()
    return ax
