"""What ran is kept: one file a submission, written whole, so that nothing runs twice.

A file is named by the digest of all that runs around the checks: the answers, the assignment's own
cells, where among them each check stands, the limits, the isolation, the code and packages that run
it. In it stands each cell's outcome under the digest of its own code. Grading again, after Ctrl-C
or a crash, runs what is missing; after a change of one check, that check alone.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import json
import platform
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat

from ..errors import CourseError
from ..notebooks.files import replace_file
from .records import STATUSES, CellOutcome, Json

AFTER_THE_RUN = (
    "class_summary",
    "cluster",
    "command",
    "comparing",
    "feedback",
    "grade",
    "gradebook",
    "lateness",
    "nbgrader_export",
    "release",
    "reports",
    "results",
    "scoring",
    "store",
    "submissions",
)
"""Modules whose change changes no value that a student's code gives."""

PACKAGES = ("numpy", "torch", "scipy", "scikit-learn", "ipykernel", "nbval")


class Store:
    """Outcomes of notebooks that ran, in the folder ``runs`` of a grading."""

    def __init__(self, folder: Path, *, settings: Json, checks: Collection[str]) -> None:
        """Keep outcomes of notebooks that were run under ``settings`` (plain data).

        ``checks`` are the ids of the cells that a change of the assignment may touch alone.
        """
        self._folder = folder
        self._checks = frozenset(checks)
        self._settings = [settings, version_of_what_runs()]

    def name(self, notebook: Any) -> str:
        """Name of the file of ``notebook``; equal where equal answers run in the same order."""
        cells = [
            [name] if (name := _grade_id(cell)) in self._checks else cell["source"]
            for cell in notebook["cells"]
            if cell["cell_type"] == "code"
        ]
        return _digest([self._settings, cells])

    def outcomes(self, notebook: Any) -> dict[str, CellOutcome]:
        """What is known of ``notebook``: outcomes of its present cells, by their id."""
        kept = self._read(self.name(notebook))
        keys = self._keys(notebook)
        return {
            grade_id: _outcome(grade_id, kept[key]) for grade_id, key in keys.items() if key in kept
        }

    def missing(self, notebook: Any) -> Any | None:
        """``notebook`` without the checks whose outcomes are known; None when all are."""
        known = self.outcomes(notebook)
        if set(known) == set(self._keys(notebook)):
            return None
        shorter = nbformat.from_dict({**notebook})
        shorter["cells"] = [
            cell
            for cell in notebook["cells"]
            if _grade_id(cell) not in self._checks or _grade_id(cell) not in known
        ]
        return shorter

    def keep(self, notebook: Any, outcomes: Iterable[CellOutcome]) -> None:
        """Add ``outcomes`` of a run of ``notebook``, or of what `missing` left of it.

        Raises
        ------
        CourseError
            When the disk is full or the folder cannot be written; what was kept before stays.
        """
        name, keys = self.name(notebook), self._keys(notebook)
        kept = self._read(name)
        for outcome in outcomes:
            if outcome.grade_id in keys:
                plain = asdict(outcome)
                plain["emitted"] = {
                    str(number): value for number, value in plain["emitted"].items()
                }
                kept[keys[outcome.grade_id]] = plain
        with writing(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            replace_file(self._folder / f"{name}.json", canonical({"cells": kept}))

    def _keys(self, notebook: Any) -> dict[str, str]:
        sources = {
            grade_id: cell["source"]
            for cell in notebook["cells"]
            if cell["cell_type"] == "code" and (grade_id := _grade_id(cell))
        }
        checks = {name: text for name, text in sources.items() if name in self._checks}
        together = None if _independent(checks.values()) else checks
        return {
            grade_id: _digest([grade_id, source, together if grade_id in checks else None])
            for grade_id, source in sources.items()
        }

    def _read(self, name: str) -> dict[str, Any]:
        try:
            cells = json.loads((self._folder / f"{name}.json").read_text("utf-8"))["cells"]
            return {key: cell for key, cell in cells.items() if cell["status"] in STATUSES}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}  # not there, or not what was written: it runs again


def canonical(value: Json) -> str:
    """``value`` as the same text every time: keys sorted, one entry a line, all of it Unicode."""
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "replace").decode("utf-8")


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Turn a full disk or a folder that cannot be written into one sentence."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full" if full else f"{error.strerror or error}"
        raise CourseError(
            f"{place} cannot be written ({what}); what was graded before is kept, and the same "
            "command goes on from there."
        ) from None


def _outcome(grade_id: str, kept: Mapping[str, Any]) -> CellOutcome:
    emitted = {int(number): value for number, value in kept["emitted"].items()}
    return CellOutcome(grade_id, kept["status"], emitted, kept["message"])


def _grade_id(cell: Mapping[str, Any]) -> str:
    about = cell.get("metadata", {}).get("nbgrader") or {}
    return str(about.get("grade_id", ""))


def _digest(value: Json) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def _independent(checks: Iterable[str]) -> bool:
    """Whether no check reads a name that another one binds, so that each may run alone."""
    bound: list[set[str]] = []
    read: list[set[str]] = []
    for source in checks:
        nodes = list(ast.walk(ast.parse(source)))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        own |= {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
        own |= {
            (alias.asname or alias.name).partition(".")[0]
            for node in nodes
            if isinstance(node, (ast.Import, ast.ImportFrom))
            for alias in node.names
        }
        bound.append(own)
        read.append({node.id for node in names if isinstance(node.ctx, ast.Load)} - own)
    return not any(
        mine & theirs
        for one, mine in enumerate(read)
        for other, theirs in enumerate(bound)
        if one != other
    )


def version_of_what_runs() -> Json:
    """Python, packages and code that decide what a notebook gives."""
    here = Path(__file__).parent
    code = {
        path.relative_to(here.parent).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted([*here.glob("*.py"), *(here.parent / "notebooks").glob("nbval_*.py")])
        if path.stem not in AFTER_THE_RUN
    }
    installed = {}
    for package in PACKAGES:
        try:
            installed[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            installed[package] = ""
    return [platform.python_version(), installed, code]
