"""Student copies: what is taken out, what stays, and what is locked."""

from __future__ import annotations

import json

import nbformat
import pytest

from coursekit.grading import release, schema
from coursekit.grading.schema import AssignmentError
from coursekit.notebooks import opening, repository

from .test_assignments import ASSIGNMENTS, ROOT

ADDRESS = "https://github.com/owner/course"
every_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=ASSIGNMENTS)


@every_assignment
def test_nothing_of_a_solution_or_a_hidden_check_is_left(assignment):
    made = release.release(assignment, address=ADDRESS)
    nbformat.validate(nbformat.from_dict(made))
    left = json.dumps(made)
    for mark in ("BEGIN SOLUTION", "HIDDEN TESTS", str(assignment.seed)):
        assert mark not in left
    for cell in assignment.notebook["cells"]:
        source = cell["source"]
        if "### BEGIN SOLUTION" in source:
            solution = source.split("### BEGIN SOLUTION")[1].split("### END SOLUTION")[0]
            assert json.dumps(solution.strip())[1:-1] not in left
            assert json.dumps(source.split("    ### BEGIN SOLUTION")[0])[1:-1] in left


@every_assignment
def test_a_copy_stands_on_its_own(assignment):
    made = release.release(assignment, address=ADDRESS)
    title = made["cells"][0]["source"].split("\n")
    link = opening.colab_link(ADDRESS, f"assignments/{assignment.name}.ipynb")
    assert [line for line in title if line.startswith(opening.LINK_START)] == [link]
    assert "](../" not in json.dumps(made)
    assert made["metadata"]["coursekit"]["assignment"] == assignment.name
    assert made["cells"][1]["id"] == opening.SETUP_ID
    assert "Colab" not in json.dumps(release.release(assignment))


@every_assignment
def test_the_copy_that_colab_opens_is_the_present_one(assignment):
    made = release.release(assignment, address=repository.address(ROOT))
    stored = json.loads((ROOT / release.FOLDER / f"{assignment.name}.ipynb").read_text("utf-8"))
    assert stored == made, f"run 'coursekit release {assignment.name} --out {release.FOLDER}'"


@every_assignment
def test_the_page_for_students_leads_to_it(assignment):
    page = (ROOT / "book" / "teaching" / "submitting.md").read_text("utf-8")
    path = f"{release.FOLDER}/{assignment.name}.ipynb"
    link = opening.colab_link(repository.address(ROOT), path).removeprefix(opening.LINK_START)
    (row,) = [line for line in page.splitlines() if f"]({link}" in line]
    asked = [question.title.partition(". ")[2] for question in assignment.questions]
    points = sum(check.points for question in assignment.questions for check in question.checks)
    assert row.split(" | ")[1:] == [" · ".join(asked), f"{points:g} |"]


@every_assignment
def test_outputs_stay_above_the_first_answer_alone(assignment):
    made = release.release(assignment)
    names = [schema.grade_id(cell) for cell in made["cells"]]
    first = names.index(assignment.questions[0].answer_id)
    outputs = [cell.get("outputs") for cell in made["cells"]]
    assert any(outputs[:first])
    assert not any(outputs[first:])


@every_assignment
def test_checks_are_locked_and_answers_cannot_be_deleted(assignment):
    for cell in release.release(assignment)["cells"]:
        mark = schema.marks(cell)
        if mark:
            assert cell["metadata"]["deletable"] is False
            assert cell["metadata"].get("editable", True) is bool(mark["solution"])
            assert mark["checksum"] == schema.checksum(cell)


def test_a_stub_keeps_what_stands_around_the_solution():
    source = "def f(x):\n    # 1 line\n    ### BEGIN SOLUTION\n    return x\n    ### END SOLUTION\n"
    assert release.stub(source) == (
        "def f(x):\n    # 1 line\n    # YOUR CODE HERE\n    raise NotImplementedError()\n"
    )
    assert release.stub("y = 3") == "# YOUR CODE HERE\nraise NotImplementedError()"
    assert release.stub("Because.", "markdown") == "YOUR ANSWER HERE"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("### BEGIN SOLUTION\nx", "has no 'END SOLUTION'"),
        ("x\n### END SOLUTION", "stands alone"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", "follows another one"),
    ],
)
def test_regions_that_do_not_begin_or_end_are_refused(source, sentence):
    with pytest.raises(AssignmentError, match=sentence):
        release.stub(source)
