"""nbgrader's database: through nbgrader where it is installed, else a stand-in for its API."""

import importlib.util
import sqlite3
import sys
import types

import pytest

from coursekit.grading import nbgrader_export

from .records import ASSIGNMENT, CLASS


class Book:
    """The calls of nbgrader's Gradebook that the export makes, kept in a plain SQLite table."""

    def __init__(self, url):
        self._path = url.removeprefix("sqlite:///")
        self._grades = {}
        self.db = types.SimpleNamespace(commit=self._commit)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def update_or_create_assignment(self, name):
        self._checks = {}

    def update_or_create_notebook(self, name, assignment):
        pass

    def update_or_create_student(self, student):
        pass

    def update_or_create_grade_cell(self, name, notebook, assignment, *, max_score, cell_type):
        self._checks[name] = max_score

    def update_or_create_submission(self, assignment, student):
        for check in self._checks:
            self._grades[student, check] = types.SimpleNamespace(auto_score=None, manual_score=None)

    def find_grade(self, check, notebook, assignment, student):
        return self._grades[student, check]

    def _commit(self):
        with sqlite3.connect(self._path) as base:
            base.execute("create table grades (student, cell, auto, manual, waits)")
            base.executemany(
                "insert into grades values (?, ?, ?, ?, ?)",
                [
                    (*key, grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                    for key, grade in self._grades.items()
                ],
            )


QUERY = """
select student.id, base_cell.name, grade.auto_score, grade.manual_score, grade.needs_manual_grade
from grade
join base_cell on base_cell.id = grade.cell_id
join submitted_notebook on submitted_notebook.id = grade.notebook_id
join submitted_assignment on submitted_assignment.id = submitted_notebook.assignment_id
join student on student.id = submitted_assignment.student_id
"""


def test_every_check_of_every_graded_student_is_in_the_database(tmp_path, monkeypatch):
    path, query = tmp_path / "gradebook.db", QUERY
    if importlib.util.find_spec("nbgrader") is None:
        module = types.SimpleNamespace(Gradebook=Book)
        monkeypatch.setitem(sys.modules, "nbgrader", types.ModuleType("nbgrader"))
        monkeypatch.setitem(sys.modules, "nbgrader.api", module)
        query = "select * from grades"
    nbgrader_export.export(path, CLASS, ASSIGNMENT)
    with sqlite3.connect(path) as base:
        rows = {(row[0], row[1]): row[2:] for row in base.execute(query)}
    assert len(rows) == 3 * 3  # eve's file was a link
    assert rows["ada", "mean_check"] == (4, None, 0)
    assert rows["ada", "mean_words"] == (None, 1, 0)
    assert rows["bob", "mean_words"] == (None, None, 1)
    assert rows["bob", "spread_check"] == (1, None, 0)


def test_whether_nbgrader_is_there(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert not nbgrader_export.is_possible()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: pytest)
    assert nbgrader_export.is_possible()
