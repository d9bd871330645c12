"""Tables of results: aligned plain text for the check, a real HTML table for the reader."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tabulate import tabulate

from ..errors import CourseError


@dataclass(frozen=True)
class Table:
    """A table ready to display; make one with `table`."""

    rows: tuple[tuple[str, ...], ...]
    headers: tuple[str, ...]
    caption: str

    def __repr__(self) -> str:
        body = self._text("simple")
        return f"{self.caption}\n{body}" if self.caption else body

    def _repr_html_(self) -> str:
        body = self._text("html")
        caption = html.escape(self.caption)
        body = body.replace("<table>", f"<table><caption>{caption}</caption>", 1)
        body = re.sub(r"<th(?=[ >])", '<th scope="col"', body)
        return (
            f'<div class="ck-table" role="region" aria-label="{caption}" tabindex="0">{body}</div>'
        )

    def _text(self, form: str) -> str:
        columns = zip(*self.rows, strict=True)
        align = ["right" if all(map(_is_number, column)) else "left" for column in columns]
        return tabulate(
            self.rows,
            self.headers,
            tablefmt=form,
            disable_numparse=True,
            colalign=align or None,
        )


def table(rows: Sequence[Sequence[object]], headers: Sequence[object], *, caption: str) -> Table:
    """Make a table of text and whole numbers; ``caption`` says what it shows.

    Raises
    ------
    CourseError
        When a cell is a bare float (its last digits would differ between machines; print it with
        `coursekit.rounding.fixed`), a row is longer or shorter than ``headers``, or a header is
        empty (a screen reader would have no name for the column).
    """
    names = tuple(str(header).strip() for header in headers)
    if not all(names):
        raise CourseError(f"a header of {list(names)} is empty; name every column.")
    for row in rows:
        if len(row) != len(headers):
            raise CourseError(f"a row has {len(row)} cells, the table {len(headers)} headers.")
        for cell in row:
            _refuse_bare_floats(cell)
    return Table(tuple(tuple(map(str, row)) for row in rows), names, caption)


def _is_number(cell: str) -> bool:
    return cell.lstrip("-+± ")[:1].isdigit()


def _refuse_bare_floats(cell: Any) -> None:
    if isinstance(cell, float) or (hasattr(cell, "dtype") and cell.dtype.kind == "f"):
        raise CourseError(
            f"the cell {cell!r} is a bare float, whose last digits differ between machines; "
            "write it with coursekit.rounding.fixed or significant."
        )
