"""Points and reasons, from outcomes written by hand."""

import dataclasses

import pytest

from coursekit.errors import CourseError
from coursekit.grading.records import (
    CRASH,
    EXCEPTION,
    FLOOD,
    MEMORY,
    NOT_RUN,
    TIMEOUT,
    Answer,
    CellOutcome,
)
from coursekit.grading.scoring import Reference, asked, score, verify

from .records import FOUND, MEAN, REFERENCE, SPREAD, outcome, run_of


def reasons(scored):
    return [assertion.reason for check in scored.checks for assertion in check.assertions]


def test_an_assert_is_described_by_its_message_or_code_and_a_hidden_one_never_by_code():
    described = asked(MEAN.checks[0])
    assert [(what.text, what.hidden) for what in described.values()] == [
        ("the mean of two numbers", False),
        ("mean([4]) == 4", False),
        ("the mean of unseen numbers", True),
        ("a hidden check", True),
    ]


def test_right_values_earn_all_points():
    scored = score(MEAN, run_of(), REFERENCE, manual={"mean_words": 1})
    assert (scored.points, scored.out_of, scored.mistake) == (5, 5, "")
    assert score(SPREAD, run_of(), REFERENCE).points == 2


def test_each_assertion_earns_its_share_and_the_hidden_ones_show_no_value():
    scored = score(MEAN, run_of((1.5, 4.5, 287, 12345)), REFERENCE)
    assert scored.points == 2
    assert reasons(scored) == [
        "the mean of two numbers.",
        "mean([4]) == 4: it is 4.5 where 4 is asked for.",
        "the mean of unseen numbers.",
        "a hidden check: the value is wrong.",
    ]
    assert "77" not in repr(scored)
    assert "12345" not in repr(scored)


def test_a_third_of_a_point_is_rounded_alike_everywhere():
    third = dataclasses.replace(
        SPREAD, checks=(dataclasses.replace(SPREAD.checks[0], points=1 / 3),)
    )
    assert score(third, run_of(), REFERENCE).points == 0.3333


@pytest.mark.parametrize("status", [EXCEPTION, TIMEOUT, CRASH, MEMORY, FLOOD, NOT_RUN])
def test_a_cell_that_did_not_run_earns_nothing_whatever_it_emitted(status):
    run = run_of() | outcome("mean_check", 1.5, 4, 287, 3570, status=status, message="why")
    scored = score(MEAN, run, REFERENCE)
    assert scored.points == 0
    assert scored.checks[0].status == status
    assert "why" not in " ".join(reasons(scored))


def test_a_check_that_nothing_came_back_from_earns_nothing():
    scored = score(MEAN, {}, REFERENCE)
    assert (scored.points, scored.checks[0].status) == (0, NOT_RUN)
    partly = score(MEAN, run_of((1.5,)), REFERENCE)
    assert partly.points == 1
    assert reasons(partly)[1].endswith("no value came back.")


def test_an_answer_that_stopped_says_so_and_keeps_what_it_earned():
    error = {"type": "error", "name": "NameError", "message": "name 'mean' is not defined"}
    run = run_of((error,) * 4) | outcome(
        "mean_answer", status=EXCEPTION, message="SyntaxError: invalid syntax"
    )
    scored = score(MEAN, run, REFERENCE)
    assert scored.points == 0
    why = "the answer cell did not run, because it stopped with an exception (SyntaxError)."
    assert reasons(scored)[0].endswith(why)
    late = run_of() | outcome("mean_answer", status=EXCEPTION, message="NameError: x")
    assert score(MEAN, late, REFERENCE).points == 4


@pytest.mark.parametrize("said", ["ValueError: 7070", "Saw7070: x", "7070"])
def test_an_exception_cannot_carry_hidden_inputs_out(said):
    """Code of one question sees hidden inputs, and could say them in a cell of another."""
    error = {"type": "error", "name": "NameError", "message": "7070"}
    for cell, values in (("mean_answer", (error,) * 4), ("mean_check", ())):
        run = run_of(values) | outcome(cell, *values, status=EXCEPTION, message=said)
        assert "7070" not in " ".join(reasons(score(MEAN, run, REFERENCE)))


def test_a_missing_answer_is_called_missing():
    error = {"type": "error", "name": "NameError", "message": ""}
    scored = score(
        MEAN, run_of((error,) * 4), REFERENCE, answer=Answer("mean", "", "not found", 0.0)
    )
    assert scored.points == 0
    assert "no answer to this question was found" in reasons(scored)[3]


def test_a_misconception_is_recognized_by_all_its_values():
    scored = score(MEAN, run_of((3, 4, 861, 7140)), REFERENCE, answer=FOUND["mean"])
    assert (scored.points, scored.mistake) == (1, "sum")
    assert scored.checks[0].hint == "The sum was not divided by the count."
    assert scored.checks[1].hint == ""
    assert score(MEAN, run_of((3, 4, 861, 7141)), REFERENCE).mistake == ""
    assert score(MEAN, run_of(), REFERENCE).mistake == ""


def test_an_absent_answer_is_no_misconception():
    error = {"type": "error", "name": "NotImplementedError", "message": ""}
    alike = Reference(REFERENCE.solved, {"mean": {"sum": run_of((error,) * 4)}})
    assert score(MEAN, run_of((error,) * 4), alike).mistake == ""


def test_points_by_hand():
    assert score(MEAN, run_of(), REFERENCE).checks[1].status == NOT_RUN
    scored = score(MEAN, run_of(), REFERENCE, manual={"mean_words": 0.5})
    assert scored.points == 4.5


def test_a_reference_with_a_gap_is_refused():
    verify(MEAN, REFERENCE.solved)
    gap = Reference(REFERENCE.solved | outcome("mean_check", 1.5, 4, 287), {})
    with pytest.raises(CourseError, match="assertion 4 of check 'mean_check' gives no reference"):
        verify(MEAN, gap.solved)
    nets = [{"type": "other", "name": "Net"}] * 4
    with pytest.raises(CourseError, match="asks for something that cannot be compared"):
        verify(MEAN, REFERENCE.solved | outcome("mean_check", *nets))
    crashed = Reference({"mean_check": CellOutcome("mean_check", CRASH, {}, "SIGSEGV")}, {})
    with pytest.raises(CourseError, match=r"ended the Python process \(SIGSEGV\)"):
        verify(MEAN, crashed.solved)
