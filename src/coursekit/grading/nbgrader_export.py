"""The results in nbgrader's ``gradebook.db``, where nbgrader is installed."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .records import RAN, Assignment
from .results import Graded, Results
from .store import writing


def is_possible() -> bool:
    """Whether nbgrader is installed."""
    return importlib.util.find_spec("nbgrader") is not None


def export(path: Path, results: Results, assignment: Assignment) -> None:
    """Write or update ``path``. Checks by hand without points are marked so for formgrader.

    Raises
    ------
    CourseError
        When the file cannot be written.
    """
    api: Any = importlib.import_module("nbgrader.api")
    name = assignment.name
    with writing(path), _alembic_on_path(), api.Gradebook(f"sqlite:///{path.resolve()}") as book:
        book.update_or_create_assignment(name)
        book.update_or_create_notebook(name, name)
        for check in (check for question in assignment.questions for check in question.checks):
            about = {"max_score": check.points, "cell_type": "markdown" if check.manual else "code"}
            book.update_or_create_grade_cell(check.grade_id, name, name, **about)
        for graded in results.graded:
            if not graded.problem:
                _write(book, name, graded)
        book.db.commit()


def _write(book: Any, assignment: str, graded: Graded) -> None:
    book.update_or_create_student(graded.student)
    book.update_or_create_submission(assignment, graded.student)
    for check in (check for question in graded.questions for check in question.checks):
        grade = book.find_grade(check.grade_id, assignment, assignment, graded.student)
        if check.manual:
            given = check.status == RAN
            grade.manual_score, grade.needs_manual_grade = (
                check.points if given else None,
                not given,
            )
        else:
            grade.auto_score, grade.needs_manual_grade = check.points, False


@contextmanager
def _alembic_on_path() -> Iterator[None]:
    """Nbgrader starts ``alembic`` by name, and an environment need not be activated."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before
