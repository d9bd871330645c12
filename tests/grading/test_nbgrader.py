"""nbgrader reads the same source, makes the same student copies, and gives the same scores."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from coursekit.grading import release, schema, scoring

from .test_assignments import ASSIGNMENTS, FOLDER, reference, run, solutions, stubs

ROOT = Path(__file__).parents[2]


def honest_work(assignment):
    """Answers of two students: one solved all; one has a gap and a mistake, and solved the rest."""
    solved = solutions(assignment)
    gap, wrong, *_ = assignment.questions
    mixed = solved | {gap.name: stubs(assignment)[gap.name], wrong.name: wrong.mistakes[0].source}
    return {"ada": solved, "bob": mixed}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course after nbgrader has generated, validated and autograded it, and our own scores."""
    folder = tmp_path_factory.mktemp("course")
    ours = {}
    for name, assignment in ASSIGNMENTS.items():
        (folder / "source" / name).mkdir(parents=True)
        shutil.copy(FOLDER / f"{name}.ipynb", folder / "source" / name)
        known = reference(assignment)
        for student, answers in honest_work(assignment).items():
            handed_in = release.release(assignment)
            for question in assignment.questions:
                cells = [c for c in handed_in["cells"] if schema.grade_id(c) == question.answer_id]
                cells[0]["source"] = answers[question.name]
            place = folder / "submitted" / student / name
            place.mkdir(parents=True)
            (place / f"{name}.ipynb").write_text(json.dumps(handed_in))
            outcomes = run(assignment, answers)
            for question in assignment.questions:
                for check in scoring.score(question, outcomes, known).checks:
                    ours[f"{name}/{student}/{check.grade_id}"] = (check.points, check.out_of)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "nox",
            "--reuse-existing-virtualenvs",
            "-s",
            "nbgrader",
            "--",
            folder,
        ],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder, ours


def test_scores_agree(course):
    """nbgrader gives all of a check's points or none, we give those of each assertion."""
    folder, ours = course
    theirs = json.loads((folder / "scores.json").read_text())
    assert theirs.keys() == ours.keys()
    for check, (points, out_of) in ours.items():
        assert theirs[check] == (out_of if points == out_of else 0), check
    students = {check.split("/")[1]: [] for check in ours}
    for check, (points, out_of) in ours.items():
        students[check.split("/")[1]].append(points / out_of)
    assert set(students["ada"]) == {1}
    assert students["bob"].count(0) >= len(ASSIGNMENTS)
    assert students["bob"].count(1) >= len(ASSIGNMENTS)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_student_copies_are_the_same(course, name):
    folder, _ = course
    theirs = json.loads((folder / "release" / name / f"{name}.ipynb").read_text())
    ours = release.release(ASSIGNMENTS[name])
    marked = [cell for cell in ours["cells"] if schema.marks(cell)]
    known = [cell for cell in theirs["cells"] if "nbgrader" in cell["metadata"]]
    assert len(marked) == len(known) >= 7
    for own, other in zip(marked, known, strict=True):
        assert own["source"] == "".join(other["source"])
        assert own["metadata"]["nbgrader"] == other["metadata"]["nbgrader"]
        for lock in ("deletable", "editable"):
            assert own["metadata"].get(lock) == other["metadata"].get(lock)
