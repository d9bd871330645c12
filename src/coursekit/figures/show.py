"""Display a figure: SVG that follows the theme, and a text alternative computed from its data.

nbval cannot compare pictures. The plain-text form of a figure therefore lists the numbers that
were drawn: when the data changes, the text changes, and the notebook's check fails.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer
from matplotlib.patches import StepPatch
from matplotlib.ticker import FuncFormatter

from ..errors import CourseError
from ..rounding import significant
from .style import CSS_VARIABLES

POINTS_LISTED = 12


@dataclass(frozen=True)
class Shown:
    """A displayed figure: the finding, ``svg`` to see, ``alt`` in short, ``data`` line by line."""

    title: str
    svg: str
    alt: str
    data: str

    def __repr__(self) -> str:
        return self.data

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        title = html.escape(self.title, quote=False)
        return {
            "text/plain": self.data,
            "text/html": (
                '<div class="ck-figure" style="background: var(--ck-paper, #ffffff)">'
                f'<p class="ck-figure-title" style="font-weight: 600">{title}</p>{self.svg}</div>'
            ),
        }


def show(ax: Axes) -> Shown:
    """Display ``ax``. Its title, axis labels and labeled artists make the text alternative.

    Raises
    ------
    CourseError
        When the axes has no title, or nothing drawn on it carries a label: such a figure could
        not be described to a reader who cannot see it.
    """
    data = describe(ax)
    alt = describe(ax, points=4, joiner=" ")
    return Shown(title=_title(ax), svg=_svg(ax, alt), alt=alt, data=data)


def describe(ax: Axes, *, points: int = POINTS_LISTED, joiner: str = "\n") -> str:
    """Say in text what is drawn on ``ax``: title, axes, the numbers of each labeled artist."""
    title = _title(ax)
    series = [f"{label}: {numbers}." for label, numbers in _series(ax, points)]
    if not title or not series:
        missing = "a title that states the finding" if not title else "an artist with a label"
        raise CourseError(f"this figure has no text alternative; give the axes {missing}.")
    directions = {"Across": _one_line(ax.get_xlabel()), "Up": _one_line(ax.get_ylabel())}
    labels = " ".join(f"{name}: {label}." for name, label in directions.items() if label)
    return joiner.join([f"Figure: {title}.", *([labels] if labels else []), *series])


def _title(ax: Axes) -> str:
    return _one_line(ax.get_title(loc="left")).rstrip(".")


def _series(ax: Axes, points: int) -> Iterator[tuple[str, str]]:
    for line in ax.get_lines():
        if _named(line.get_label()):
            x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
            rows = _row_names(ax)
            on_rows = rows and np.isin(y, range(len(rows))).all()
            yield (
                _one_line(str(line.get_label())),
                (_rows(x, y, rows) if on_rows else _pairs(x, y, points)),
            )
    for collection in ax.collections:
        if isinstance(collection, PathCollection) and _named(collection.get_label()):
            offsets = np.ma.getdata(collection.get_offsets())
            yield _one_line(str(collection.get_label())), _cloud(offsets, points)
    for patch in ax.patches:
        if isinstance(patch, StepPatch) and _named(patch.get_label()):
            values, edges, _ = patch.get_data()
            centers = (np.asarray(edges)[1:] + np.asarray(edges)[:-1]) / 2
            yield _one_line(str(patch.get_label())), _pairs(centers, np.asarray(values), points)
    for container in ax.containers:
        if isinstance(container, BarContainer) and _named(container.get_label()):
            yield _one_line(str(container.get_label())), _bars(ax, container)


def _named(label: object) -> bool:
    return bool(label) and not str(label).startswith("_")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _number(value: float) -> str:
    return str(int(value)) if abs(value) < 1e6 and value == round(value) else significant(value)


def _pairs(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], points: int) -> str:
    chosen = range(len(x))
    if len(x) > points:
        chosen = sorted({round(i) for i in np.linspace(0, len(x) - 1, points)})  # type: ignore[assignment]
    listed = ", ".join(f"{_number(y[i])} at {_number(x[i])}" for i in chosen)
    return listed if len(x) <= points else f"{len(x)} points, among them {listed}"


def _cloud(offsets: np.ndarray[Any, Any], points: int) -> str:
    if len(offsets) <= points:
        return ", ".join(f"({_number(x)}, {_number(y)})" for x, y in offsets)
    low, high, middle = offsets.min(axis=0), offsets.max(axis=0), offsets.mean(axis=0)
    return (
        f"{len(offsets)} points, across {_number(low[0])} to {_number(high[0])}, "
        f"up {_number(low[1])} to {_number(high[1])}, "
        f"their mean ({_number(middle[0])}, {_number(middle[1])})"
    )


def _row_names(ax: Axes) -> list[str]:
    """Names along the vertical axis, where it carries those of rows 0, 1, … instead of numbers."""
    if not isinstance(ax.yaxis.get_major_formatter(), FuncFormatter):
        return []
    names = [text.get_text() for text in ax.get_yticklabels()]
    return names if np.array_equal(ax.get_yticks(), range(len(names))) else []


def _rows(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], names: list[str]) -> str:
    return ", ".join(f"{names[round(row)]} {_number(at)}" for at, row in zip(x, y, strict=True))


def _bars(ax: Axes, container: BarContainer) -> str:
    horizontal = container.orientation == "horizontal"
    axis = ax.yaxis if horizontal else ax.xaxis
    names = [text.get_text() for text in axis.get_ticklabels()]
    values = [bar.get_width() if horizontal else bar.get_height() for bar in container.patches]
    if len(names) != len(values):
        raise CourseError(f"{len(values)} bars but {len(names)} tick labels; give each bar a name.")
    return ", ".join(f"{name} {_number(v)}" for name, v in zip(names, values, strict=True))


def _svg(ax: Axes, alt: str) -> str:
    figure = ax.get_figure(root=True)
    if figure is None:
        raise CourseError("this axes belongs to no figure; make it with coursekit.figures.axes().")
    title = ax.get_title(loc="left")
    ax.set_title("")  # written above the picture as text, which wraps on a phone
    buffer = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": alt}):  # ids differ from figure to figure, not run to run
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    ax.set_title(title)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    width = 1.15 * 4 / 3 * figure.get_figwidth() * 72  # 4/3 pixels to a point; a little larger
    svg = re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', rf"<svg \1 {_attributes(alt, width)}>", svg)
    svg = svg.replace("'DejaVu Sans', sans-serif", "system-ui, sans-serif").replace(
        "'DejaVu Sans'", "system-ui, sans-serif"
    )
    for color, variable in CSS_VARIABLES.items():
        svg = svg.replace(color, f"var({variable}, {color})")
    return _without_unused_ids(svg).rstrip()


def _without_unused_ids(svg: str) -> str:
    """Names like ``axes_1`` would stand on a page once for every figure."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    return re.sub(r' id="([^"]*)"', lambda id: id[0] if id[1] in used else "", svg)


def _attributes(alt: str, width: float) -> str:
    return (
        'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'role="img" aria-label="{html.escape(alt)}" '
        f'style="width: 100%; max-width: {width:.0f}px; height: auto"'
    ).replace("\\", r"\\")
