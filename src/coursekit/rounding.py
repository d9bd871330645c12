"""Numbers as stable text: the one way floats are printed in the course.

The last bits of a float depend on the processor and on how many threads added it up. Printed
through these functions, a result is the same text everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, SupportsFloat


def fixed(value: Any, places: int = 4) -> str:
    """Text with a fixed number of decimal places; arrays and lists become ``[a, b]``, nested.

    >>> fixed(2 / 3)
    '0.6667'
    >>> fixed([-0.00001, 2.5], places=2)
    '[0.00, 2.50]'
    """

    def text(number: float) -> str:
        shown = f"{number:.{places}f}"
        return shown.lstrip("-") if float(shown) == 0 else shown

    return _nested(value, text)


def significant(value: Any, digits: int = 3) -> str:
    """Text with a given number of significant digits, never in scientific notation below a billion.

    >>> significant(1234.567)
    '1230'
    >>> significant(0.00123456, digits=2)
    '0.0012'
    """

    def text(number: float) -> str:
        if number == 0:
            return "0"
        magnitude = math.floor(math.log10(abs(float(f"{number:.{digits - 1}e}"))))
        if not -9 < magnitude < 9:
            return f"{number:.{digits - 1}e}"
        places = digits - 1 - magnitude
        return fixed(round(number, places), max(places, 0))

    return _nested(value, text)


def _nested(value: Any, text: Callable[[float], str]) -> str:
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_nested(item, text) for item in value) + "]"
    return _scalar(value, text)


def _scalar(value: SupportsFloat, text: Callable[[float], str]) -> str:
    number = float(value)
    if math.isnan(number):
        return "not a number"
    if math.isinf(number):
        return "infinity" if number > 0 else "-infinity"
    return text(number)
