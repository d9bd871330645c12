"""An assignment, read from its solved notebook.

Cells carry nbgrader's metadata, schema version 3, with nothing added to it, so nbgrader opens the
same file (`nbgrader documentation <https://nbgrader.readthedocs.io>`_, "Metadata"). What else we
need to know stands beside it, under ``coursekit``:

- of the notebook: ``assignment``, its name; ``seed``, from which hidden checks draw their inputs;
- of a check: ``tolerance``, see `Check`.

A question is an answer cell (``solution``), the heading above it, and the checks (``grade``) below
it. Wrong answers that students really give stand beside the notebook, in ``NAME.mistakes.py``; see
`read_mistakes`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import CourseError
from .probes import defined_names, hidden_lines, probe
from .records import Assignment, Check, Json, Mistake, Question

VERSION = 3
NEEDED: dict[str, Any] = {"schema_version": int, "grade": bool, "locked": bool, "solution": bool}
OPTIONAL = {"task": bool, "grade_id": str, "points": (int, float), "checksum": str}
ALLOWED = NEEDED | OPTIONAL | {"cell_type": str}
GRADE_ID = re.compile(r"[a-zA-Z0-9_\-]+")

DRAWS = re.compile(r"default_rng\((\d+)\)")
HEADING = re.compile(r"^#{2,3} +(.+?)(?: +\(([\d.]+) points?\))? *$", re.M)
MISTAKE = re.compile(r"^# %% +(\S+): +(\S+) *$", re.M)


class AssignmentError(CourseError):
    """A notebook that is no assignment, or one with a fault in it."""


def read(path: Path) -> Assignment:
    """The assignment in the solved notebook at ``path``, with its mistakes.

    Raises
    ------
    CourseError
        When the file is no notebook, or the notebook no assignment; it names the cell at fault.
    """
    from ..notebooks import execution

    notebook = json.loads(json.dumps(execution.read(path)))
    try:
        assignment = parse(notebook)
        mistakes = path.with_suffix(".mistakes.py")
        if not mistakes.exists():
            return assignment
        known = read_mistakes(mistakes.read_text("utf-8"))
        return _with_mistakes(assignment, known)
    except CourseError as error:
        raise AssignmentError(f"{path.name}: {error}") from None


def parse(notebook: Json) -> Assignment:
    """The assignment in a ``notebook`` (parsed JSON, nbformat 4), without mistakes."""
    details = notebook["metadata"].get("coursekit", {})
    if not isinstance(details.get("assignment"), str):
        raise AssignmentError(
            "the notebook's metadata names no coursekit.assignment, so it is not the source of an "
            "assignment; give the solved notebook, not a student's copy."
        )
    graded = list(_graded_cells(notebook["cells"]))
    seed = details.get("seed", 0)
    questions = tuple(_questions(graded, seed))
    if not questions:
        raise AssignmentError("no cell is marked as an answer; mark one with solution: true.")
    assignment = Assignment(details["assignment"], notebook, questions, seed)
    names = answer_names(assignment)
    for check in (check for question in questions for check in question.checks):
        if not check.manual:
            try:
                probe(check.source, answers=names)
            except CourseError as error:
                raise AssignmentError(f"check {check.grade_id!r}: {error}") from None
    return assignment


def answer_names(assignment: Assignment) -> set[str]:
    """The names that the answers of ``assignment`` define."""
    answers = {question.answer_id for question in assignment.questions}
    cells = [cell for cell in assignment.notebook["cells"] if grade_id(cell) in answers]
    return {name for cell in cells for name in defined_names(cell["source"])}


def grade_id(cell: Json) -> str:
    """nbgrader's name for ``cell``, or an empty text."""
    return str(marks(cell).get("grade_id", ""))


def marks(cell: Json) -> dict[str, Any]:
    """nbgrader's metadata of ``cell``; empty when it has none."""
    found = cell.get("metadata", {}).get("nbgrader")
    return found if isinstance(found, dict) else {}


def is_locked(cell: Json) -> bool:
    """Whether what a student writes into ``cell`` is thrown away."""
    mark = marks(cell)
    return not mark.get("solution") and bool(mark.get("grade") or mark.get("locked"))


def checksum(cell: Json) -> str:
    """nbgrader's checksum of ``cell``, which shows it whether the cell was changed."""
    mark = marks(cell)
    parts = [cell["source"], cell["cell_type"]]
    parts += [str(mark["grade"]), str(mark["solution"]), str(is_locked(cell)), mark["grade_id"]]
    if mark["grade"]:
        parts.append(str(float(mark["points"])))
    return hashlib.md5("".join(parts).encode("utf-8"), usedforsecurity=False).hexdigest()


def reseeded(assignment: Assignment, seed: int) -> Assignment:
    """The same assignment with other inputs in its hidden checks, drawn from ``seed``."""
    notebook = json.loads(json.dumps(assignment.notebook))
    notebook["metadata"]["coursekit"]["seed"] = seed
    for cell in notebook["cells"]:
        if marks(cell).get("grade"):
            hidden = hidden_lines(cell["source"])
            lines = enumerate(cell["source"].split("\n"), start=1)
            cell["source"] = "\n".join(
                DRAWS.sub(f"default_rng({seed})", line) if number in hidden else line
                for number, line in lines
            )
    mistakes = {question.name: question.mistakes for question in assignment.questions}
    return _with_mistakes(parse(notebook), mistakes)


def read_mistakes(text: str) -> dict[str, tuple[Mistake, ...]]:
    """Mistakes by the name of their question, from the text of a ``NAME.mistakes.py``.

    Each begins with a line ``# %% QUESTION: NAME-OF-THE-MISTAKE``. Comments follow, which are the
    hint, and then the code of an answer cell. What stands before the first is not part of any.
    """
    found: dict[str, tuple[Mistake, ...]] = {}
    pieces = MISTAKE.split(text)[1:]
    for question, name, body in zip(pieces[::3], pieces[1::3], pieces[2::3], strict=True):
        lines = body.strip().split("\n")
        length = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
        hint = " ".join(line.removeprefix("#").strip() for line in lines[:length])
        source = "\n".join(lines[length:]).strip()
        if not hint or not source:
            raise AssignmentError(f"mistake {name!r} of {question!r} needs a hint and code.")
        found[question] = (*found.get(question, ()), Mistake(name, hint, source))
    return found


def _graded_cells(cells: list[Json]) -> Iterator[tuple[Json, str]]:
    """Cells with nbgrader's metadata, each with the nearest heading above it."""
    heading, seen = "", set()
    for cell in cells:
        if cell["cell_type"] == "markdown":
            heading = next((found[1] for found in HEADING.finditer(cell["source"])), heading)
        if "nbgrader" in cell["metadata"]:
            _check_marks(cell)
            name = grade_id(cell)
            if name in seen:
                raise AssignmentError(f"two cells have the grade_id {name!r}; rename one.")
            seen.add(name)
            yield cell, heading


def _check_marks(cell: Json) -> None:
    """Refuse what nbgrader's schema refuses, in a sentence."""
    mark = cell["metadata"]["nbgrader"]
    first = cell["source"].strip().split("\n")[0][:40]
    where = f"the cell {grade_id(cell) or first!r}"
    if not isinstance(mark, dict) or mark.get("schema_version") != VERSION:
        raise AssignmentError(f"{where} needs nbgrader metadata with schema_version {VERSION}.")
    if missing := sorted(set(NEEDED) - set(mark)):
        raise AssignmentError(f"{where} lacks {', '.join(missing)} in its nbgrader metadata.")
    if unknown := sorted(set(mark) - set(ALLOWED)):
        raise AssignmentError(
            f"{where} has {', '.join(unknown)} in its nbgrader metadata, which nbgrader refuses; "
            "put it under coursekit."
        )
    for name, value in mark.items():
        if not isinstance(value, ALLOWED[name]) or (name == "points" and value is True):
            raise AssignmentError(f"{where} has {name}={value!r}, which is of the wrong type.")
    if (mark["grade"] or mark["solution"] or mark["locked"]) and not GRADE_ID.fullmatch(
        grade_id(cell)
    ):
        raise AssignmentError(f"{where} needs a grade_id of letters, digits, - and _.")
    if mark["grade"] and mark.get("points", -1) < 0:
        raise AssignmentError(f"{where} is graded, so it needs points of 0 or more.")
    if cell["cell_type"] == "markdown" and mark["grade"] and not mark["solution"]:
        raise AssignmentError(f"{where} is graded text; mark it as a solution too.")
    if mark.get("task") and cell["cell_type"] != "markdown":
        raise AssignmentError(f"{where} is a task, which has to be a Markdown cell.")


def _questions(graded: list[tuple[Json, str]], seed: int) -> Iterator[Question]:
    current: Question | None = None
    for cell, heading in graded:
        mark, name = marks(cell), grade_id(cell)
        if mark["solution"] or mark.get("task"):
            if current:
                yield _complete(current)
            current = Question(name, heading or name, name, ())
        if not mark["grade"] and not mark.get("task"):
            continue
        if current is None:
            raise AssignmentError(f"check {name!r} stands above the first answer; move it below.")
        manual = mark["solution"] or bool(mark.get("task"))
        source = "" if manual else cell["source"]
        if drawn := {int(text) for text in _hidden_seeds(source)} - {seed}:
            raise AssignmentError(
                f"check {name!r} draws hidden inputs from {drawn}; use the notebook's seed, {seed}."
            )
        tolerance = cell["metadata"].get("coursekit", {}).get("tolerance", Check.tolerance)
        check = Check(name, float(mark.get("points", 0)), source, tolerance, manual)
        current = replace(current, checks=(*current.checks, check))
    if current:
        yield _complete(current)


def _complete(question: Question) -> Question:
    if not question.checks:
        raise AssignmentError(f"answer {question.name!r} has no check below it; add one.")
    return question


def _hidden_seeds(source: str) -> list[str]:
    hidden = hidden_lines(source)
    lines = enumerate(source.split("\n"), start=1)
    return DRAWS.findall("\n".join(line for number, line in lines if number in hidden))


def _with_mistakes(assignment: Assignment, known: dict[str, tuple[Mistake, ...]]) -> Assignment:
    names = [question.name for question in assignment.questions]
    if strange := sorted(set(known) - set(names)):
        raise AssignmentError(
            f"mistakes are told for {', '.join(strange)}, and the questions are {', '.join(names)}."
        )
    questions = (
        replace(question, mistakes=known.get(question.name, ()))
        for question in assignment.questions
    )
    return replace(assignment, questions=tuple(questions))
