"""The look of every static figure: a few colors by meaning, and sizes that stay legible on a phone.

Blue is the truth (full gradient, law), vermillion what a mini-batch gave, ink a third thing. The
three differ for every common kind of color vision; marker and line style always double the color.
"""

from __future__ import annotations

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure

BLUE = "#0072b2"
VERMILLION = "#c24a00"
INK = "#1b1b1b"
SOFT = "#5c5c5c"
LINE = "#c9ced6"

CSS_VARIABLES = {
    BLUE: "--ck-blue",
    VERMILLION: "--ck-vermillion",
    INK: "--ck-ink",
    SOFT: "--ck-soft",
    LINE: "--ck-line",
}
"""A displayed figure writes each color as ``var(--ck-…, color)``, so that a page can darken it."""

mpl.rcParams.update(
    {
        "font.size": 11,
        "font.sans-serif": ["DejaVu Sans"],
        "text.color": INK,
        "axes.edgecolor": SOFT,
        "axes.labelcolor": INK,
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.prop_cycle": cycler(
            color=[BLUE, VERMILLION, INK], linestyle=["-", "--", ":"], marker=["o", "s", "^"]
        ),
        "xtick.color": SOFT,
        "ytick.color": SOFT,
        "grid.color": LINE,
        "grid.linewidth": 0.8,
        "legend.frameon": False,
        "lines.linewidth": 2,
        "lines.markersize": 6,
        "figure.facecolor": "none",
        "axes.facecolor": "none",
        "savefig.facecolor": "none",
        "svg.fonttype": "none",
    }
)


def axes(height: float = 3.0, *, width: float = 4.4) -> Axes:
    """Make an empty axes in a figure of its own; sizes in inches, 72 SVG points each.

    The default width keeps labels legible when a phone shows the figure at 300 pixels.
    """
    return Figure(figsize=(width, height), layout="constrained").add_subplot()
