"""Reading an assignment: what is understood, and what is refused with the cell's name."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from coursekit.grading import schema
from coursekit.grading.records import Check, Mistake
from coursekit.grading.schema import AssignmentError


def mark(grade_id: str, **values) -> dict:
    plain = {"schema_version": 3, "grade": False, "locked": False, "solution": False}
    return {"nbgrader": plain | {"grade_id": grade_id} | values}


def source(*extra_cells):
    """A solved notebook with one question, followed by these cells."""
    answer = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
    check = (
        "assert double(1) == 2\n### BEGIN HIDDEN TESTS\n"
        "x = np.random.default_rng(7).normal()\nassert double(x) == x + x\n### END HIDDEN TESTS"
    )
    cells = [
        new_markdown_cell("# Title"),
        new_code_cell("import numpy as np", metadata=mark("tools", locked=True)),
        new_markdown_cell("## 1. Twice (3 points)\n\nDouble it."),
        new_code_cell(answer, metadata=mark("double", solution=True)),
        new_code_cell(check, metadata=mark("double-check", grade=True, locked=True, points=3)),
        *extra_cells,
    ]
    made = new_notebook(cells=cells)
    made.metadata = nbformat.from_dict({"coursekit": {"assignment": "twice", "seed": 7}})
    return made


def test_a_question_is_a_heading_an_answer_and_its_checks():
    assignment = schema.parse(source())
    (question,) = assignment.questions
    assert (assignment.name, assignment.seed) == ("twice", 7)
    assert (question.name, question.title, question.answer_id) == ("double", "1. Twice", "double")
    (check,) = question.checks
    assert (check.grade_id, check.points, check.tolerance) == ("double-check", 3, Check.tolerance)
    assert schema.answer_names(assignment) == {"double"}


def test_text_and_tasks_are_left_to_a_grader():
    essay = new_markdown_cell("Because.", metadata=mark("why", grade=True, solution=True, points=2))
    task = new_markdown_cell("Draw it.", metadata=mark("draw", task=True, points=1))
    _, why, draw = schema.parse(source(essay, task)).questions
    assert [check.manual for check in (*why.checks, *draw.checks)] == [True, True]
    assert [check.points for check in (*why.checks, *draw.checks)] == [2, 1]


def test_a_tolerance_stands_beside_nbgrader_s_metadata():
    made = source()
    made.cells[4].metadata["coursekit"] = {"tolerance": 1e-3}
    assert schema.parse(made).questions[0].checks[0].tolerance == 1e-3


def broken(number, **values):
    made = source()
    made.cells[number].metadata.nbgrader.update(values)
    return made


def without(number, name):
    made = source()
    del made.cells[number].metadata.nbgrader[name]
    return made


def unseeded():
    made = source()
    made.metadata.coursekit.seed = 8
    return made


BROKEN = {
    "needs nbgrader metadata with schema_version 3": broken(3, schema_version=2),
    "lacks locked": without(3, "locked"),
    "has hint in its nbgrader metadata, which nbgrader refuses": broken(3, hint="no"),
    "'double-check' has points=True, which is of the wrong type": broken(4, points=True),
    "needs points of 0 or more": without(4, "points"),
    "needs a grade_id of letters": broken(3, grade_id="a b"),
    "two cells have the grade_id 'double'": broken(4, grade_id="double"),
    "graded text; mark it as a solution too": source(
        new_markdown_cell("x", metadata=mark("x", grade=True, points=1))
    ),
    "a task, which has to be a Markdown cell": source(
        new_code_cell("x", metadata=mark("x", task=True, points=1))
    ),
    "answer 'other' has no check below it": source(
        new_code_cell("y = 1", metadata=mark("other", solution=True))
    ),
    "check 'loop': line 1 of the check holds an assert inside": source(
        new_code_cell(
            "for x in [1]:\n    assert double(x)", metadata=mark("loop", grade=True, points=1)
        )
    ),
    r"draws hidden inputs from \{7\}; use the notebook's seed, 8": unseeded(),
}


@pytest.mark.parametrize("sentence", BROKEN)
def test_a_fault_is_named_with_its_cell(sentence):
    with pytest.raises(AssignmentError, match=sentence):
        schema.parse(BROKEN[sentence])


def test_a_check_above_every_answer_is_refused():
    made = source()
    made.cells.insert(1, made.cells.pop(4))
    with pytest.raises(AssignmentError, match="'double-check' stands above the first answer"):
        schema.parse(made)


def test_a_student_s_copy_is_no_source():
    made = source()
    made.metadata = {}
    with pytest.raises(AssignmentError, match="give the solved notebook"):
        schema.parse(made)


def test_a_file_is_read_with_its_mistakes(tmp_path):
    path = tmp_path / "twice.ipynb"
    nbformat.write(source(), path)
    mistakes = (
        '"""Imports for the linter."""\n\n# %% double: square\n# Squaring is\n# not doubling.\n'
        "def double(x):\n    return x * x\n"
    )
    path.with_suffix(".mistakes.py").write_text(mistakes)
    (question,) = schema.read(path).questions
    wrong = "def double(x):\n    return x * x"
    assert question.mistakes == (Mistake("square", "Squaring is not doubling.", wrong),)
    path.with_suffix(".mistakes.py").write_text("# %% triple: x\n# No.\n1\n")
    with pytest.raises(AssignmentError, match=r"twice\.ipynb: mistakes are told for triple"):
        schema.read(path)
    path.with_suffix(".mistakes.py").write_text("# %% double: x\n# No code.\n")
    with pytest.raises(AssignmentError, match="needs a hint and code"):
        schema.read(path)


def test_another_seed_changes_hidden_inputs_alone():
    assignment = schema.parse(source())
    other = schema.reseeded(assignment, 99)
    before, after = (one.questions[0].checks[0].source for one in (assignment, other))
    assert after == before.replace("default_rng(7)", "default_rng(99)")
    assert other.seed == 99
    assert assignment.seed == 7


def test_the_checksum_is_md5_over_what_nbgrader_hashes():
    cell = {"cell_type": "code", "source": "x", "metadata": mark("a", grade=True, points=2)}
    # md5 of "x" + "code" + "True" + "False" + "True" + "a" + "2.0", by md5sum
    assert schema.checksum(cell) == "55ae14796a3648d63f6b4e1ff00e3297"
