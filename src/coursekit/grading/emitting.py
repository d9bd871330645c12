"""What a check says in the student's kernel: the value it got, and nothing of what it should be.

A probe (see `probes`) imports `emit` and `numbers` from here. They live in a module of their own,
so that no name in a student's notebook, ``list = ...`` or ``json = ...``, can get in their way.
Standard library only, because every kernel that is graded imports it; NumPy and PyTorch are asked
only about values that come from them.

How a value is written, in JSON: None, truth values, numbers, strings and lists as they are;
``{"type": "float", "text": "nan"}`` for a float that JSON lacks (nan, inf, -inf); tuples and sets
``{"type": "tuple", "values": […]}``; ``{"type": "dict", "items": [[key, value], …]}``;
``{"type": "array", "dtype": …, "shape": […], "values": [flat list]}`` and the same with "tensor";
``{"type": "fraction", "text": "1/3"}``; ``{"type": "error", "name": …, "message": …}`` where
computing it raised; ``{"type": "other", "name": …}`` for what cannot be compared. Sets and
dicts are sorted, numbers by size.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

MIME_TYPE = "application/vnd.batch-by-batch.answer+json"

MAX_VALUES = 100_000
"""Numbers, strings and containers in one emitted value; a larger one is not emitted."""

MAX_CHARACTERS = 4_000_000
MAX_DEPTH = 20
MAX_MESSAGE = 500

Json = Any


def emit(number: int, thunk: Callable[[], Any]) -> None:
    """Publish what ``thunk`` returns as the answer to assert ``number``, or how it failed."""
    try:
        value = encode(thunk())
    except Exception as error:
        value = {"type": "error", "name": type(error).__name__, "message": _message(error)}
    publish({"number": number, "value": value})


def publish(payload: Json) -> None:
    """Send ``payload`` from this kernel to whoever grades, as an output of the cell."""
    from IPython.display import publish_display_data

    publish_display_data({MIME_TYPE: payload})  # type: ignore[no-untyped-call]


def numbers(value: Any) -> Any:
    """``value`` as ``numpy.allclose`` would read it: list, tuple, array or tensor, all as an array.

    A single number stays a number.
    """
    import numpy as np

    array = np.asarray(_to_numpy(value))
    return array.item() if array.ndim == 0 else array


def encode(value: Any) -> Json:
    """``value`` as JSON, in the form that this module's docstring lists."""
    try:
        encoded = _encode(value, _Budget(), 0)
        text = json.dumps(encoded, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except _TooLarge as too_large:
        return {"type": "other", "name": str(too_large)}
    except UnicodeEncodeError:
        return {"type": "other", "name": "text that is not Unicode"}
    if len(text) > MAX_CHARACTERS:
        return {"type": "other", "name": "too large"}
    return encoded


class _TooLarge(Exception):  # noqa: N818  (what `encode` does about it is its own business)
    """More than is emitted; the message says in what way."""


class _Budget:
    def __init__(self) -> None:
        self._left = MAX_VALUES

    def spend(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise _TooLarge("too large")


def _encode(value: Any, budget: _Budget, depth: int) -> Json:
    budget.spend(1)
    if depth > MAX_DEPTH:
        raise _TooLarge("too deep")
    if value is None or value is True or value is False:
        return value
    if isinstance(value, float):  # numpy.float64 is one
        return _float(float(value))
    if isinstance(value, int):
        return _int(int(value))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Fraction):
        return {"type": "fraction", "text": f"{value.numerator}/{value.denominator}"}
    if type(value).__module__ != "builtins" and _is_array(value):
        return _array(value, budget, depth)
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return _container(value, budget, depth)
    return {"type": "other", "name": type(value).__name__}


def _float(value: float) -> Json:
    return value if math.isfinite(value) else {"type": "float", "text": repr(value)}


def _int(value: int) -> Json:
    # A limit of Python itself guards the conversion of huge integers to text.
    return value if value.bit_length() < 10_000 else {"type": "other", "name": "too large"}


def _container(value: Any, budget: _Budget, depth: int) -> Json:
    if isinstance(value, dict):
        pairs = [
            [_encode(key, budget, depth + 1), _encode(item, budget, depth + 1)]
            for key, item in value.items()
        ]
        return {"type": "dict", "items": sorted(pairs, key=lambda pair: _order(pair[0]))}
    values = [_encode(item, budget, depth + 1) for item in value]
    if isinstance(value, list):
        return values
    if isinstance(value, tuple):
        return {"type": "tuple", "values": values}
    return {"type": "set", "values": sorted(values, key=_order)}


def _order(value: Json) -> tuple[Any, ...]:
    """Numbers sort by size, in tuples too, so that a rounding difference keeps their order."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return 0, value
    if isinstance(value, dict) and value["type"] == "tuple":
        return 1, [_order(item) for item in value["values"]]
    return 2, json.dumps(value)


def _array(value: Any, budget: _Budget, depth: int) -> Json:
    kind = "array" if type(value).__module__.partition(".")[0] == "numpy" else "tensor"
    array = _to_numpy(value)
    budget.spend(int(array.size))
    if array.ndim == 0 and kind == "array":
        return _encode(array.item(), budget, depth + 1)
    return {
        "type": kind,
        "dtype": str(array.dtype),
        "shape": [int(length) for length in array.shape],
        "values": [_encode(item, budget, depth + 1) for item in array.ravel().tolist()],
    }


def _is_array(value: Any) -> bool:
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    return bool(
        (numpy and isinstance(value, (numpy.ndarray, numpy.generic)))
        or (torch and isinstance(value, torch.Tensor))
    )


def _to_numpy(value: Any) -> Any:
    torch = sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return value


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except Exception:
        return ""
    return text[:MAX_MESSAGE].encode("utf-8", "replace").decode("utf-8")
