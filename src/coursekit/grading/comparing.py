"""Whether an emitted value is the one the solved notebook gave, and if not, in what it differs.

It runs in the grader's process, on plain data: no code of a student takes part, and no equality or
comparison that a student could have redefined is called.
"""

from __future__ import annotations

import builtins
import math
from dataclasses import dataclass

from ..rounding import significant
from .records import Json

LONGEST_SHOWN = 60  # characters of a value in a reason


@dataclass(frozen=True)
class Difference:
    """Why two values differ: ``general`` shows neither, ``detail`` shows both.

    Only ``general`` may be said of a hidden check. A student's value there can be its hidden input
    (return the argument), and so can the shape, the name and the message of an exception.
    """

    general: str
    detail: str


def difference(given: Json, wanted: Json, *, tolerance: float) -> Difference | None:
    """In what ``given`` differs from ``wanted``, or None; both as in `CellOutcome.emitted`.

    Floats may differ by ``tolerance`` times the largest magnitude in the wanted list or array (1
    where all of it is 0). Not a number equals itself, an infinity itself. Truth values, numbers,
    strings, lists, tuples, arrays and tensors are kept apart, and so are shapes; int and float are
    not, nor is their precision. What cannot be compared differs from everything. Never raises,
    whatever ``given`` holds.
    """
    kind, asked = _kind(given), _kind(wanted)
    if kind == "error" and not (asked == "error" and given == wanted):
        name, message = str(given.get("name")), str(given.get("message") or "")
        known = isinstance(getattr(builtins, name, None), type)
        return Difference(
            f"it raised {name}" if known else "it raised an exception",
            f"it raised {_short(f'{name}: {message}' if message else name)}",
        )
    if kind != asked:
        return Difference(
            f"it is not {_article(asked)}", f"it is {_article(kind)}, not {_article(asked)}"
        )
    if asked in ("array", "tensor"):
        return _of_arrays(given, wanted, tolerance)
    if asked in ("list", "tuple", "set", "dict"):
        return _of_containers(given, wanted, tolerance)
    if _same_scalar(given, wanted, tolerance * _scale([wanted])):
        return None
    return Difference(
        "the value is wrong", f"it is {_text(given)} where {_text(wanted)} is asked for"
    )


def _kind(value: Json) -> str:
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "truth value"
    if isinstance(value, (int, float)):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "list"
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "float":
        return "number"
    known = ("tuple", "set", "dict", "array", "tensor", "fraction", "error")
    return kind if kind in known else "other"


def _article(kind: str) -> str:
    if kind == "None":
        return kind
    if kind == "other":
        return "something that cannot be compared"
    return f"an {kind}" if kind == "array" else f"a {kind}"


def _of_arrays(given: Json, wanted: Json, tolerance: float) -> Difference | None:
    shape, asked = given.get("shape"), wanted["shape"]
    if shape != asked:
        return Difference(
            "its shape is not the one asked for",
            f"its shape is {_shape(shape)} where {_shape(asked)} is asked for",
        )
    given_values, wanted_values = given.get("values"), wanted["values"]
    if not isinstance(given_values, list) or len(given_values) != len(wanted_values):
        return Difference("the value is wrong", "its values do not fill its shape")
    return _of_items(given_values, wanted_values, tolerance)


def _of_containers(given: Json, wanted: Json, tolerance: float) -> Difference | None:
    given_items, wanted_items = _items(given), _items(wanted)
    if len(given_items) != len(wanted_items):
        return Difference(
            "its length is not the one asked for",
            f"its length is {len(given_items)} where {len(wanted_items)} is asked for",
        )
    return _of_items(given_items, wanted_items, tolerance)


def _of_items(given: list[Json], wanted: list[Json], tolerance: float) -> Difference | None:
    slack = tolerance * _scale(wanted)
    for number, (one, other) in enumerate(zip(given, wanted, strict=True), start=1):
        if _kind(other) in ("number", "truth value", "string", "None"):
            if not _same_scalar(one, other, slack):
                return Difference(
                    "the value is wrong",
                    f"entry {number} of {len(wanted)} is {_text(one)} "
                    f"where {_text(other)} is asked for",
                )
        elif found := difference(one, other, tolerance=tolerance):
            return Difference(found.general, f"in entry {number}, {found.detail}")
    return None


def _items(value: Json) -> list[Json]:
    if isinstance(value, list):
        return value
    if value["type"] != "dict":
        items = value.get("values")
        return items if isinstance(items, list) else []
    pairs = value.get("items")
    return [pair for pair in pairs if isinstance(pair, list)] if isinstance(pairs, list) else []


def _scale(values: list[Json]) -> float:
    numbers = [abs(number) for value in values if (number := _number(value)) is not None]
    return max((number for number in numbers if math.isfinite(number)), default=0.0) or 1.0


def _number(value: Json) -> float | None:
    """The value as a float, or None where it is no number."""
    if _kind(value) != "number":
        return None
    try:
        return float(value["text"] if isinstance(value, dict) else value)
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _same_scalar(given: Json, wanted: Json, slack: float) -> bool:
    if _kind(given) != _kind(wanted) or _kind(wanted) == "other":
        return False
    if _kind(wanted) != "number" or (isinstance(given, int) and isinstance(wanted, int)):
        return bool(given == wanted)
    one, other = _number(given), _number(wanted)
    if one is None or other is None:
        return False
    if math.isfinite(one) and math.isfinite(other):
        return abs(one - other) <= slack
    return one == other or (math.isnan(one) and math.isnan(other))


def _text(value: Json) -> str:
    kind = _kind(value)
    if kind == "number":
        number = _number(value)
        if isinstance(value, int) or number is None:
            return _short(str(value))
        return f"{number:.6g}" if math.isfinite(number) else significant(number)
    if kind in ("None", "truth value", "string"):
        return _short(repr(value))
    if kind == "fraction":
        return _short(str(value.get("text")))
    return _article(kind)


def _shape(shape: Json) -> str:
    return _short(str(tuple(shape))) if isinstance(shape, list) else "unknown"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else f"{line[: LONGEST_SHOWN - 1]}…"
