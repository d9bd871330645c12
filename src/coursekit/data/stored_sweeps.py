"""Results of long runs, kept with the package, so that a chapter can read what took minutes."""

import json
from importlib.resources import files
from typing import Any

from ..errors import CourseError


def stored_sweep(name: str) -> dict[str, Any]:
    """What ``benchmarks/NAME.py`` found when it last ran.

    Under ``"provenance"`` stand the command that makes it again, the date, the machine, the CPU
    seconds and the versions; what else there is, the script says.

    Raises
    ------
    CourseError
        When there is no such sweep; the message lists those there are.
    """
    folder = files("coursekit.data") / "stored"
    names = sorted(entry.name.removesuffix(".json") for entry in folder.iterdir())
    if name not in names:
        raise CourseError(f"no stored sweep {name!r}; there are {', '.join(names)}.")
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return found
