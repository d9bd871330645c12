"""Figures about the way downhill: paths over the bowl of a loss, and races between methods."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from numpy.typing import ArrayLike

from .style import BLUE, LINE

MARKED = 100
DRAWN = 120  # points of a race
LEVELS = np.array([0.01, 0.05, 0.15, 0.35, 0.6, 0.9, 1.3])  # of the largest loss drawn


def plot_paths(
    ax: Axes, paths: Mapping[str, ArrayLike], *, minimum: ArrayLike, hessian: ArrayLike
) -> Axes:
    """Paths of two weights over the contours of a quadratic loss, whose minimum is a cross.

    Each path has shape ``(num_updates + 1, 2)``; ``minimum`` has shape ``(2,)`` and ``hessian``
    shape ``(2, 2)``. The contours are at fixed shares of the highest loss that a path starts from.
    A path of up to `MARKED` updates has a mark for each of them; a longer one is a thin line.
    """
    center, curvature = np.asarray(minimum, dtype=float), np.asarray(hessian, dtype=float)
    routes = {name: np.asarray(path, dtype=float) for name, path in paths.items()}
    for name, route in routes.items():
        look = {"lw": 2, "ms": 4} if len(route) <= MARKED + 1 else {"lw": 0.8, "marker": ""}
        ax.plot(route[:, 0], route[:, 1], label=name, zorder=2 + (len(route) <= MARKED), **look)
    every = np.concatenate([*routes.values(), center[None]])
    low, high = every.min(axis=0), every.max(axis=0)
    margin = 0.12 * (high - low)
    across, up = (np.linspace(low[i] - margin[i], high[i] + margin[i], 80) for i in (0, 1))

    def height(points: np.ndarray) -> np.ndarray:
        away = points - center
        bowl: np.ndarray = 0.5 * np.einsum("...i,ij,...j->...", away, curvature, away)
        return bowl

    grid = height(np.stack(np.meshgrid(across, up), axis=-1))
    top = max(float(height(route[0])) for route in routes.values())
    ax.contour(
        across, up, grid, levels=LEVELS * top, cmap=ListedColormap([LINE]), linewidths=0.8, zorder=0
    )
    ax.plot(*center[:, None], "+", color=BLUE, ms=14, mew=3, label="minimum", zorder=5)
    ax.set_xlabel("weight w₁")
    ax.set_ylabel("weight w₂")
    ax.legend()
    return ax


def plot_race(
    ax: Axes, x: Mapping[str, ArrayLike], losses: Mapping[str, ArrayLike], *, xlabel: str
) -> Axes:
    """The median of many runs of each method, and the band that holds the middle 80 % of them.

    ``losses[name]`` has shape ``(num_runs, num_points)``, ``x[name]`` shape ``(num_points,)``; the
    losses are measured from the minimum and drawn on a logarithmic axis. Of more than `DRAWN`
    points, as many are drawn, evenly spread.
    """
    for name, runs in losses.items():
        points, values = np.asarray(x[name]), np.asarray(runs, dtype=float)
        drawn = np.unique(np.linspace(0, len(points) - 1, DRAWN).round().astype(int))
        points, values = points[drawn], values[:, drawn]
        low, middle, high = np.quantile(values, [0.1, 0.5, 0.9], axis=0)
        marked = max(1, len(points) // 12)
        (line,) = ax.plot(points, middle, label=f"{name}, median", markevery=marked)
        ax.fill_between(points, low, high, color=line.get_color(), alpha=0.18, linewidth=0)
    ax.set_yscale("log")
    ax.grid(axis="y")
    ax.set_xlabel(xlabel)
    ax.set_ylabel("loss above the minimum")
    ax.legend()
    return ax
