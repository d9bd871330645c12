"""Figures about feeding a model: what padding costs, what worker processes bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from .style import BLUE, INK, VERMILLION


def plot_padding(ax: Axes, lengths: ArrayLike, batches: Sequence[ArrayLike]) -> Axes:
    """Each example as a column of tokens; above it what pads it to the longest of its batch.

    ``lengths`` has shape (N,), in tokens; ``batches`` are index arrays, drawn from left to right
    with a gap between them.
    """
    tokens_of = np.asarray(lengths)
    tokens: list[float] = []
    rectangle: list[float] = []
    for batch in batches:
        rows = np.sort(tokens_of[np.asarray(batch)])[::-1].tolist()
        tokens += [*rows, 0]
        rectangle += [rows[0]] * len(rows) + [0]
    edges = np.arange(len(tokens) + 1)
    ax.stairs(rectangle, edges, fill=True, color=VERMILLION, alpha=0.35, label="with padding")
    ax.stairs(tokens, edges, fill=True, color=INK, label="tokens")
    ax.set_xticks([])
    ax.set_xlabel(f"{len(batches)} batches of {len(np.asarray(batches[0]))} examples")
    ax.set_ylabel("tokens in a row")
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.22), ncols=2)
    return ax


def plot_step_times(
    ax: Axes, num_workers: ArrayLike, steps: Mapping[str, ArrayLike], *, compute: float
) -> Axes:
    """Time of one training step against worker processes, a line for each kind of loading.

    ``compute`` is the time that computing alone takes, in the unit of ``steps``: the floor.
    """
    workers = np.asarray(num_workers)
    styles = [(VERMILLION, "--", "s"), (INK, ":", "^"), (INK, "-.", "o")]
    for (name, times), (color, line, marker) in zip(steps.items(), styles, strict=False):
        ax.plot(workers, np.asarray(times), line, color=color, marker=marker, label=name)
    ax.plot(workers, np.full(len(workers), compute), "-", color=BLUE, marker="", label="computing")
    ax.set_xticks(workers)
    ax.set_ylim(bottom=0)
    ax.grid(axis="y")
    ax.set_xlabel("num_workers")
    ax.set_ylabel("one step, in ms")
    ax.legend()
    return ax
