"""Figures about attention: how the table of scores grows, and what tiles have to move."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import StrMethodFormatter
from numpy.typing import ArrayLike

from .style import BLUE, INK, VERMILLION

LOOKS = [(VERMILLION, "--", "s"), (BLUE, "-", "o"), (INK, ":", "^")]


def plot_growth(ax: Axes, seq_lens: ArrayLike, sizes: Mapping[str, ArrayLike]) -> Axes:
    """Memory in GB against the length of the sequence, one line a thing that is stored."""
    lengths = np.asarray(seq_lens)
    for (name, gigabytes), (color, style, marker) in zip(sizes.items(), LOOKS, strict=False):
        ax.plot(lengths, np.asarray(gigabytes), style, color=color, marker=marker, label=name)
    ax.set(xscale="log", yscale="log", xlabel="tokens in a sequence", ylabel="GB")
    ax.set_xticks(lengths, [str(length) for length in lengths])
    ax.minorticks_off()
    ax.grid(axis="y")
    ax.legend()
    return ax


def plot_traffic(
    ax: Axes,
    tiles: ArrayLike,
    counted: Mapping[str, ArrayLike],
    formulas: Mapping[str, ArrayLike],
    *,
    standard: float,
) -> Axes:
    """Numbers moved against the rows of a tile: counted as marks, the formulas as lines.

    ``counted`` and ``formulas`` have the same names; ``standard`` is what moves without tiles.
    The text alternative lists what was counted.
    """
    rows, million = np.asarray(tiles), 1e6
    for (name, moved), (color, style, marker) in zip(counted.items(), LOOKS, strict=False):
        law = np.asarray(formulas[name]) / million
        ax.plot(rows, law, style, color=color, marker="", label=f"_{name}, formula")
        ax.plot(rows, np.asarray(moved) / million, marker, color=color, label=name)
    flat = np.full(len(rows), standard / million)
    ax.plot(rows, flat, ":", color=INK, marker="", label="with the table")
    ax.set(xscale="log", yscale="log", xlabel="rows in a tile", ylabel="million numbers moved")
    ax.set_xticks(rows, [str(row) for row in rows])
    low, high = ax.get_ylim()
    steps = [step for step in 2.0 ** np.arange(-10, 20) if low < step < high]
    ax.set_yticks(steps)
    ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.minorticks_off()
    ax.grid(axis="y")
    ax.legend(loc="upper right")
    return ax


def plot_tile_map(ax: Axes, num_rows: int, num_keys: int, tile: int, offset: int) -> Axes:
    """The table under a causal mask, cut into tiles: skipped, masked, or seen by every query."""
    kinds: dict[str, list[tuple[float, float]]] = {"skipped": [], "masked": [], "whole": []}
    for top in range(0, num_rows, tile):
        for left in range(0, num_keys, tile):
            bottom, right = min(top + tile, num_rows) - 1, min(left + tile, num_keys) - 1
            seen = "skipped" if left > bottom + offset else "masked"
            kind = "whole" if right <= top + offset else seen
            kinds[kind].append(((left + right) / 2, (top + bottom) / 2))
    looks = {"skipped": ("x", INK), "masked": ("^", VERMILLION), "whole": ("s", BLUE)}
    for name, places in kinds.items():
        if places:
            marker, color = looks[name]
            across, down = zip(*places, strict=True)
            ax.scatter(across, down, s=46, marker=marker, color=color, label=name)
    ax.set(xlabel="key", ylabel="query")
    ax.invert_yaxis()
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return ax
