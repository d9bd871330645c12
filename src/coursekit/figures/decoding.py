"""Figures about decoding: which slots gave a token, how much memory was set aside, what bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import ScalarFormatter
from numpy.typing import ArrayLike

from .style import BLUE, INK, VERMILLION

_STYLES = [(VERMILLION, 0.35), (BLUE, 0.0), (INK, 0.0)]


def plot_busy_slots(ax: Axes, busy: Mapping[str, Sequence[int]], *, num_slots: int) -> Axes:
    """Slots that gave a token at each step, a line for each schedule; the first is filled."""
    for (name, counts), (color, alpha) in zip(busy.items(), _STYLES, strict=False):
        edges = np.arange(len(counts) + 1)
        if alpha:
            ax.stairs(counts, edges, fill=True, color=color, alpha=alpha, label=name)
        else:
            ax.stairs(counts, edges, color=color, lw=2, label=name)
    ax.set_ylim(0, 1.35 * num_slots)  # room for the legend above the data
    ax.set_yticks(range(0, num_slots + 1, max(1, num_slots // 4)))
    ax.set_xlabel("decode step")
    ax.set_ylabel("slots that gave a token")
    ax.legend(loc="upper right", ncols=len(busy))
    return ax


def plot_cache_use(
    ax: Axes, cached: ArrayLike, set_aside: Mapping[str, ArrayLike], *, unit: str = "tokens"
) -> Axes:
    """Tokens in the cache at each step, filled, and lines for the memory that was set aside."""
    tokens = np.asarray(cached)
    edges = np.arange(len(tokens) + 1)
    ax.stairs(tokens, edges, fill=True, color=VERMILLION, alpha=0.45, label=f"{unit} in the cache")
    top = float(tokens.max())
    for (name, sizes), color in zip(set_aside.items(), (BLUE, INK), strict=False):
        held = np.broadcast_to(np.asarray(sizes), tokens.shape)
        ax.stairs(held, edges, color=color, lw=2, label=name)
        top = max(top, float(held.max()))
    ax.set_ylim(0, 1.5 * top)  # room for the legend above the data
    ax.set_xlabel("decode step")
    ax.set_ylabel(unit)
    ax.legend(loc="upper right")
    return ax


def plot_roofline(
    ax: Axes, batch_sizes: ArrayLike, intensities: Mapping[str, ArrayLike], *, ridge: float
) -> Axes:
    """FLOP per byte of a decode step against B, and the ridge above which arithmetic is short."""
    sizes = np.asarray(batch_sizes)
    styles = [(VERMILLION, "--", "s"), (INK, ":", "^"), (INK, "-.", "o")]
    for (name, values), (color, line, marker) in zip(intensities.items(), styles, strict=False):
        ax.plot(sizes, np.asarray(values), line, color=color, marker=marker, label=name)
    ax.plot(sizes, np.full(len(sizes), ridge), "-", color=BLUE, marker="", label="ridge")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log", base=2)
    ax.set_xticks(sizes[::2], [str(size) for size in sizes[::2]])
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.set_xlabel("batch size")
    ax.set_ylabel("FLOP per byte")
    ax.grid(axis="y")
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.45, 1.28), ncols=2, fontsize=10, columnspacing=1
    )
    return ax
