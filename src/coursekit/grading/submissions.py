"""What came in: one notebook a student, read without trusting a byte of it.

A submission is a file ``NAME.ipynb``, or a folder of the student's with one notebook in it. Folders
that Moodle and Canvas make when they hand out all submissions are understood.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat

from ..errors import CourseError

LARGEST_BYTES = 50_000_000
LARGEST_SOURCE = 2_000_000
"""Characters of code and text; a notebook of a course has some ten thousand."""

MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_(file|onlinetext).*")
CANVAS = re.compile(r"(?P<name>[^_]+)(_LATE)?_(?P<number>[1-9]\d*)_[1-9]\d{4,}_.+")
"""The file's number, the second, is a long one: ``hw_1_2026_ann`` is no name of Canvas's."""


@dataclass(frozen=True)
class Submission:
    """A file that a student handed in; ``number`` is the one that Moodle or Canvas put in its name.

    ``problem`` says in a clause why it cannot be graded; it is empty when it can.
    """

    student: str
    path: Path
    file: str
    number: str = ""
    problem: str = ""


def find(places: Sequence[Path]) -> list[Submission]:
    """One submission a student, sorted by name, from files and folders.

    Students of the same name carry the number that tells them apart: ``Wei Zhang (101)``.

    Raises
    ------
    CourseError
        When a place does not exist, or there is no notebook in any.
    """
    found: dict[Path, Submission] = {}
    for place in places:
        if not place.exists():
            raise CourseError(f"{place} does not exist; name a notebook, or a folder of them.")
        for path in _notebooks(place):
            where = path.absolute()
            if where not in found:
                student, number = _student(path, place)
                file = path.relative_to(place).as_posix() if path != place else path.name
                found[where] = Submission(student, path, _readable(file), number)
    if not found:
        raise CourseError(
            f"there is no notebook in {', '.join(map(str, places))}; submissions end in .ipynb."
        )
    numbers: dict[str, set[str]] = defaultdict(set)
    for one in found.values():
        numbers[one.student].add(one.number)
    of_student: dict[str, list[Submission]] = defaultdict(list)
    for one in found.values():
        shared = one.number and len(numbers[one.student]) > 1
        student = f"{one.student} ({one.number})" if shared else one.student
        of_student[student].append(replace(one, student=student))
    return [_only(of_student[student]) for student in sorted(of_student)]


def _notebooks(place: Path) -> Iterator[Path]:
    if not place.is_dir():
        yield place
        return
    for folder, names, files in os.walk(place):
        names[:] = sorted(name for name in names if not name.startswith((".", "__MACOSX")))
        yield from (
            Path(folder, name)
            for name in sorted(files)
            if name.lower().endswith(".ipynb") and not name.startswith(".")
        )


def _student(path: Path, place: Path) -> tuple[str, str]:
    """The student's name and number: that of the folder below ``place``, or else of the file."""
    parts = path.relative_to(place).parts if path != place else (path.name,)
    label = parts[0] if len(parts) > 1 else path.stem
    known = MOODLE.fullmatch(label) or CANVAS.fullmatch(label)
    name, number = (known["name"], known["number"]) if known else (label, "")
    return _readable(name).strip() or "�", number


def _readable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _only(found: list[Submission]) -> Submission:
    first = found[0]
    if len(found) == 1:
        return first
    files = ", ".join(sorted(submission.file for submission in found))
    problem = f"there are {len(found)} files for one student ({files}); keep one of them"
    return replace(first, problem=problem)


def read(path: Path) -> Any:
    """The notebook in ``path`` in format 4, without outputs and attachments.

    Raises
    ------
    CourseError
        When it is a link or no plain file, too large, or not a notebook.
    """
    text = _text(path)
    try:
        raw = json.loads(text)
        sheets = raw.get("worksheets", [raw])  # as in format 3
        cells = [cell for sheet in sheets for cell in _cells(sheet["cells"])]
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(f"it is not a Jupyter notebook ({_clause(error)})") from None
    if sum(len(cell["source"]) for cell in cells) > LARGEST_SOURCE:
        raise CourseError(f"its cells hold more than {LARGEST_SOURCE:,} characters")
    metadata = raw.get("metadata")
    return nbformat.from_dict(
        {
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": metadata if isinstance(metadata, dict) else {},
            "cells": cells,
        }
    )


def _text(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | os.O_NONBLOCK)
    except OSError as error:
        link = path.is_symlink()
        raise CourseError("it is a link, not a file" if link else _clause(error)) from None
    with open(handle, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise CourseError("it is not a plain file")
        if about.st_size > LARGEST_BYTES:
            raise CourseError(
                f"it has {about.st_size:,} bytes, more than the {LARGEST_BYTES:,} allowed"
            )
        content = file.read(LARGEST_BYTES)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CourseError("it is not a Jupyter notebook (not text in UTF-8)") from None


def _cells(cells: Iterable[Any]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        kind = cell["cell_type"]
        source = cell["input"] if "input" in cell else cell["source"]
        text = source if isinstance(source, str) else "".join(source)
        text = text.encode("utf-8", "replace").decode("utf-8")  # half a pair is no character
        metadata = cell.get("metadata")
        kept: dict[str, Any] = {
            "cell_type": kind if kind in ("code", "markdown") else "raw",
            "source": text,
            "metadata": metadata if isinstance(metadata, dict) else {},
        }
        if isinstance(cell.get("id"), str):
            kept["id"] = cell["id"]
        if kind == "code":
            kept |= {"outputs": [], "execution_count": None}
        yield kept


def _clause(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"no {error} in it"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(said.split())[:80] or type(error).__name__
