"""Static figures: arrays and an axes in, the axes out; the title states the finding.

``ax = axes()`` makes one, a ``plot_...`` function draws on it, ``show(ax)`` displays it as one SVG
that follows the page's light or dark theme, with a text alternative computed from what was drawn.
Importing this package sets matplotlib's style for the session.
"""

from .estimators import (
    plot_bars,
    plot_batch_means,
    plot_curves,
    plot_distribution,
    plot_intervals,
    plot_laws,
)
from .paths import plot_paths, plot_race
from .planning import plot_time_to_loss
from .show import Shown, describe, show
from .style import BLUE, INK, LINE, SOFT, VERMILLION, axes
from .table import Table, table

__all__ = [
    "BLUE",
    "INK",
    "LINE",
    "SOFT",
    "VERMILLION",
    "Shown",
    "Table",
    "axes",
    "describe",
    "plot_bars",
    "plot_batch_means",
    "plot_curves",
    "plot_distribution",
    "plot_intervals",
    "plot_laws",
    "plot_paths",
    "plot_race",
    "plot_time_to_loss",
    "show",
    "table",
]
