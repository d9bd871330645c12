"""Which explorables there are, and which states each allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any, Protocol, cast

from ..errors import CourseError

FOLDER = Path(__file__).parent


class Mirror(Protocol):
    """What NAME.py offers beside NAME.mjs."""

    DEFAULTS: dict[str, Any]
    VIEWS: dict[str, dict[str, Any]]

    def allowed(self, state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
        """The values each key may take in this state; they depend only on keys before it."""

    def simulate(self, state: Mapping[str, Any]) -> Any:
        """What the figure shows, as a dataclass of numbers."""

    def describe(self, state: Mapping[str, Any]) -> str:
        """The figure in words."""

    def typical(self, state: Mapping[str, Any]) -> list[float]:
        """Numbers in which the default seed must be an ordinary one."""


def names() -> list[str]:
    """Every explorable there is: a module NAME.mjs with its mirror NAME.py."""
    stems = (path.stem for path in FOLDER.glob("*.mjs") if path.with_suffix(".py").exists())
    return sorted(stem for stem in stems if stem != "core")


def mirror(name: str) -> Mirror:
    """The Python mirror of an explorable.

    Raises
    ------
    CourseError
        When there is no explorable of that name; the message lists those there are.
    """
    if name not in names():
        raise CourseError(f"no explorable is called {name!r}; there are: {', '.join(names())}.")
    return cast(Mirror, import_module(f"{__package__}.{name}"))


def checked_state(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The whole state of an explorable: its defaults with ``changes`` made to them.

    A number that equals an allowed value, such as 4.0 or a NumPy integer, becomes that value.

    Raises
    ------
    CourseError
        When a key is unknown or a value is not allowed; the message lists what is.
    """
    figure = mirror(name)
    for key in changes:
        if key not in figure.DEFAULTS:
            raise CourseError(
                f"explorable {name!r} has no {key!r}; it has: {', '.join(figure.DEFAULTS)}."
            )
    state = dict(figure.DEFAULTS)
    for key, value in {**state, **changes}.items():
        values = figure.allowed(state)[key]  # what came before this key is checked already
        # True equals 1, and an array compares value by value
        if isinstance(value, bool) or not isinstance(value, Real | str) or value not in values:
            raise CourseError(
                f"explorable {name!r}: {key}={value!r} is not allowed; use {_listed(values)}."
            )
        state[key] = values[values.index(value)]
    return state


def _listed(values: Sequence[Any]) -> str:
    if isinstance(values, range):
        steps = "" if abs(values.step) == 1 else f" in steps of {values.step}"
        return f"a whole number from {values[0]} to {values[-1]}{steps}"
    return "one of " + ", ".join(repr(value) for value in values)
