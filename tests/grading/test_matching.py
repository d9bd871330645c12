"""Answers found in what Colab, JupyterLab and VS Code send back, and put where they belong."""

from __future__ import annotations

import ast
import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.grading import matching, release, schema
from coursekit.grading.records import Answer

from .test_assignments import ASSIGNMENTS, run, solutions

ASSIGNMENT = ASSIGNMENTS["2_loader"]
SOLVED = solutions(ASSIGNMENT)
IDS = [question.answer_id for question in ASSIGNMENT.questions]
every_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=ASSIGNMENTS)


def handed_in(assignment=ASSIGNMENT, answers=None):
    """A student's copy with these answers (the solutions unless told) filled in."""
    made = release.release(assignment)
    filled = solutions(assignment) | (answers or {})
    ids = {question.answer_id: question.name for question in assignment.questions}
    for cell in made["cells"]:
        if schema.grade_id(cell) in ids:
            cell["source"] = filled[ids[schema.grade_id(cell)]]
    return made


def code(source, **more):
    return {"cell_type": "code", "source": source, "metadata": {}, **more}


def position(notebook, answer_id):
    return [schema.grade_id(cell) for cell in notebook["cells"]].index(answer_id)


def strip(notebook, *, ids=True):
    """As a program leaves it that keeps no metadata of others, and gives out ids of its own."""
    for number, cell in enumerate(notebook["cells"]):
        cell["metadata"] = {}
        if ids:
            cell["id"] = f"new-{number}"
    return notebook


def found(notebook):
    return matching.find_answers(ASSIGNMENT, notebook)


def how(notebook):
    return {(answer.found_by, answer.confidence) for answer in found(notebook).answers}


@every_assignment
def test_an_untouched_order_is_found_by_grade_id(assignment):
    answers = matching.find_answers(assignment, handed_in(assignment))
    assert {answer.question: answer.source for answer in answers.answers} == solutions(assignment)
    assert {answer.confidence for answer in answers.answers} == {1.0}
    assert answers.extras == ()


@every_assignment
def test_without_metadata_an_answer_is_found_by_its_cell_s_id(assignment):
    answers = matching.find_answers(assignment, strip(handed_in(assignment), ids=False))
    assert {(answer.found_by, answer.confidence) for answer in answers.answers} == {("cell id", 1)}
    assert answers.extras == ()


def test_colab_keeps_the_id_in_the_metadata():
    made = strip(handed_in())
    for cell, original in zip(made["cells"], ASSIGNMENT.notebook["cells"], strict=True):
        cell["metadata"] = {"id": original["id"]}
        del cell["id"]
    assert how(made) == {("cell id", 1)}


@every_assignment
def test_without_any_id_an_answer_is_found_by_what_it_defines(assignment):
    made = strip(handed_in(assignment))
    random.Random(0).shuffle(made["cells"])
    answers = matching.find_answers(assignment, made)
    assert {answer.question: answer.source for answer in answers.answers} == solutions(assignment)
    assert {answer.found_by for answer in answers.answers} == {"definition"}
    assert {answer.confidence for answer in answers.answers} == {0.9}
    assert answers.extras == ()


def test_an_answer_with_a_syntax_error_is_found_too():
    wrong = SOLVED["next-batch"].replace("return epoch", "return return epoch")
    with pytest.raises(SyntaxError):
        ast.parse(wrong)
    made = strip(handed_in(answers={"next-batch": wrong}))
    assert found(made).answers[1] == Answer("next-batch", wrong, "definition", 0.9)


def test_a_renamed_function_is_found_by_its_likeness_and_said_to_be_unsure():
    renamed = SOLVED["epoch-loss"].replace("def epoch_loss", "def my_loss")
    answer = found(strip(handed_in(answers={"epoch-loss": renamed}))).answers[0]
    assert (answer.source, answer.found_by) == (renamed, "similarity")
    assert 0.5 < answer.confidence < 0.9


def test_a_helper_taken_for_a_missing_answer_still_helps():
    helper = SOLVED["next-batch"].replace("def next_batch", "def place_of")
    lean = "def epoch_loss(losses, masks):\n    return place_of"
    made = handed_in(answers={"epoch-loss": lean})
    del made["cells"][position(made, IDS[1])]
    made["cells"].insert(position(made, IDS[0]), code(helper))
    answers = found(made)
    assert answers.answers[1].found_by == "similarity"
    assert [(extra.beside, extra.source) for extra in answers.extras] == [(IDS[0], helper)]


def test_an_answer_that_is_gone_is_missing_and_costs_no_other():
    made = handed_in()
    del made["cells"][position(made, IDS[1])]
    answers = found(strip(made)).answers
    assert answers[1] == Answer("next-batch", "", "missing", 0.0)
    assert [answer.confidence for answer in answers] == [0.9, 0.0, 0.9]


def test_of_several_answers_the_last_that_was_filled_in_counts():
    made = handed_in()
    place = position(made, IDS[0])
    stub = release.stub(SOLVED["epoch-loss"])
    first, last = (copy.deepcopy(made["cells"][place]) for _ in range(2))
    first["source"], last["source"] = "def epoch_loss(losses, masks):\n    return 0", stub
    made["cells"][place : place + 1] = [first, made["cells"][place], last]
    answer = found(made).answers[0]
    assert (answer.source, answer.confidence) == (SOLVED["epoch-loss"], 0.8)
    assert [extra.source for extra in found(made).extras] == [first["source"]]


def test_checks_are_always_ours():
    made = handed_in()
    for cell in made["cells"]:
        if schema.marks(cell).get("grade"):
            cell["source"] = "print('all well')"
    answers = found(made)
    assert answers.extras == ()
    assembled = matching.assemble(ASSIGNMENT, answers.answers, answers.extras)
    honest = matching.assemble(ASSIGNMENT, found(handed_in()).answers, ())
    assert assembled == honest
    assert all(
        "emit(1" in cell["source"] for cell in assembled["cells"] if schema.marks(cell).get("grade")
    )


def test_cells_that_a_student_added_stay_with_the_answer_they_stood_next_to():
    made = handed_in()
    place = position(made, IDS[1])
    made["cells"].insert(place + 1, code("after = 1"))
    made["cells"].insert(place, code("before = 1"))
    made["cells"].insert(2, code("first = 1"))
    made["cells"].append(code(" \n"))
    answer = made["cells"].pop(position(made, IDS[1]))
    before, after = (
        next(cell for cell in made["cells"] if cell["source"] == text)
        for text in ("before = 1", "after = 1")
    )
    for cell in (before, after):
        made["cells"].remove(cell)
    made["cells"] += [before, answer, after]  # the student moved all three to the end
    answers = found(made)
    sources = [
        cell["source"]
        for cell in matching.assemble(ASSIGNMENT, answers.answers, answers.extras)["cells"]
    ]
    place = sources.index(SOLVED["next-batch"])
    assert (sources[place - 1], sources[place + 1]) == ("before = 1", "after = 1")
    assert sources[0] == "first = 1" or sources.index("first = 1") < sources.index(
        SOLVED["epoch-loss"]
    )
    assert len(answers.extras) == 3


def test_an_assembled_notebook_runs_and_no_expected_value_is_in_it():
    answers = found(strip(handed_in()))
    outcomes = run(ASSIGNMENT, {answer.question: answer.source for answer in answers.answers})
    assert {outcome.status for outcome in outcomes.values()} == {"ran"}
    text = str(matching.assemble(ASSIGNMENT, answers.answers, answers.extras))
    assert "HIDDEN" not in text
    assert "def cut" not in text
    assert "def walk" not in text
    assert "BEGIN SOLUTION" in text  # the answers here are the solutions, marks and all


sources = st.sampled_from(
    [
        "def epoch_loss(losses, masks):\n    return 1",
        "epoch_loss = 3",
        "x" * 30_000,
        "(" * 500,
        "-" * 20_000 + "1",
        "\0",
        "\ud800",
        "def f(",
        "",
        *SOLVED.values(),
    ]
)
cells = st.builds(
    lambda source, kind, grade_id, name: {
        "cell_type": kind,
        "source": source,
        "metadata": {"nbgrader": {"grade_id": grade_id, "solution": True}, "id": name},
        "id": name,
    },
    sources,
    st.sampled_from(["code", "markdown", "raw"]),
    st.sampled_from([*IDS, "next-batch-check", "tools", "", 7, None]),
    st.sampled_from([*IDS, "setup", "other", 7, None, ["list"]]),
)


@given(st.lists(cells, max_size=6))
def test_whatever_comes_there_is_one_answer_a_question_and_our_checks(cells):
    answers = matching.find_answers(ASSIGNMENT, {"cells": cells})
    assert [answer.question for answer in answers.answers] == [
        question.name for question in ASSIGNMENT.questions
    ]
    assembled = matching.assemble(ASSIGNMENT, answers.answers, answers.extras)
    checks = [cell for cell in assembled["cells"] if schema.marks(cell).get("grade")]
    assert len(checks) == len(ASSIGNMENT.questions)
    assert all("emit(1" in cell["source"] for cell in checks)


def test_as_much_foreign_code_as_is_let_in_is_searched_without_a_fuss():
    """Two million characters, see `submissions`; each cell is parsed once and a few compared."""
    body = "\n".join(f"    value_{n} = losses + {n} * masks" for n in range(400))
    many = [code(f"def other_{n}(losses, masks):\n{body}") for n in range(140)]
    assert sum(len(cell["source"]) for cell in many) > 1_900_000
    matching._seems_to_define.cache_clear()
    answers = matching.find_answers(ASSIGNMENT, {"cells": many})
    assert {answer.found_by for answer in answers.answers} <= {"missing", "similarity"}
    assert matching._seems_to_define.cache_info().misses == len(many)
