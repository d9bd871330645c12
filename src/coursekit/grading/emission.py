"""What a check sent out of the student's kernel, read as what an attacker may have written.

`emitting` is the other end: it displays ``{"number": 1, "value": ...}``, once for each assert.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .emitting import MIME_TYPE
from .records import Json

MOST_NUMBERS = 1000
DEEPEST = 64  # levels of JSON; a dict in `emitting` takes three
TYPES = {
    "float": {"text"},
    "fraction": {"text"},
    "tuple": {"values"},
    "set": {"values"},
    "dict": {"items"},
    "array": {"dtype", "shape", "values"},
    "tensor": {"dtype", "shape", "values"},
    "error": {"name", "message"},
    "other": {"name"},
}


def collect(outputs: Iterable[Mapping[str, Any]], *, at_most: int) -> dict[int, Json]:
    """The emitted values by number. What is malformed, too deep or over ``at_most`` bytes is left.

    A number that was sent with two different values has none: its value is an error that says so.
    """
    found: dict[int, Json] = {}
    for output in outputs:
        payload = (output.get("data") or {}).get(MIME_TYPE)
        if not isinstance(payload, Mapping):
            continue
        number = payload.get("number")
        if type(number) is not int or not 1 <= number <= MOST_NUMBERS:
            continue
        value = json.loads(json.dumps(payload.get("value", Ellipsis), default=lambda _: {}))
        if not is_value(value):
            value = _error("ValueError", "the check sent something that is no value")
        size = len(json.dumps(value))
        if size > at_most:
            value = _error("ValueError", "the value is too large to be compared")
            size = 0
        at_most -= size
        if number in found and found[number] != value:
            value = _error("ValueError", "this assert sent more than one value")
        found[number] = value
    return found


def is_value(value: Json, depth: int = 0) -> bool:
    """Whether ``value`` is formed as `CellOutcome` says, down to `DEEPEST` levels."""
    if value is None or isinstance(value, bool | int | str):
        return True
    if isinstance(value, float):
        return value - value == 0  # finite
    if depth > DEEPEST:
        return False
    if isinstance(value, list):
        return all(is_value(one, depth + 1) for one in value)
    if not isinstance(value, Mapping) or not isinstance(value.get("type"), str):
        return False
    fields = {name: part for name, part in value.items() if name != "type"}
    return TYPES.get(value["type"]) == set(fields) and all(
        is_value(part, depth + 1) for part in fields.values()
    )


def _error(name: str, message: str) -> Json:
    return {"type": "error", "name": name, "message": message}
