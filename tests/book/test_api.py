"""Docstrings on a page: bars are bars, code stays code."""

import pytest

from coursekit.book.api import keep_bars


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("tr(Σ)/|G|², their B_simple", r"tr(Σ)/\|G\|², their B_simple"),
        ("``a | b`` and |a|", r"``a | b`` and \|a\|"),
        ("`int | None` or |x|", r"`int | None` or \|x\|"),
        ("    >>> left | right", "    >>> left | right"),
    ],
)
def test_bars_are_kept_outside_of_code(written, read):
    lines = [written]
    keep_bars(None, "function", "f", None, None, lines)
    assert lines == [read]
