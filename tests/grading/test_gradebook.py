"""Tables: for people, for learning platforms, and for points given by hand."""

import csv
import dataclasses
import io
import json
import os
from datetime import UTC, datetime

import pytest

from coursekit.errors import CourseError
from coursekit.grading import gradebook, lateness
from coursekit.grading.gradebook import ByHand
from coursekit.grading.results import to_json

from .records import ASSIGNMENT, CLASS, FORMULA


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_the_gradebook_has_a_row_a_student_and_a_column_a_question():
    ada, formula, bob, eve = rows(gradebook.gradebook(CLASS))
    assert ada == {
        "student": "ada",
        "mean": "5",
        "spread": "2",
        "days_late": "0",
        "deducted": "0",
        "points": "7",
        "out_of": "7",
        "note": "",
    }
    assert (formula["mean"], formula["deducted"], formula["points"]) == ("1", "0.6", "2.4")
    assert bob["note"] == (
        "waits for points by hand: 1; answer found with less than certainty: mean; "
        "no answer found: spread"
    )
    assert (eve["points"], eve["note"]) == ("", "not graded: it is a link, not a file")


def test_no_cell_of_any_table_is_a_formula():
    known = {(FORMULA, "mean_words"): ByHand(0.5, "@SUM(A1)")}
    texts = [gradebook.gradebook(CLASS), gradebook.moodle(CLASS), gradebook.canvas(CLASS)]
    for text in [*texts, gradebook.by_hand_form(CLASS, known)]:
        assert f"'{FORMULA}" in text
        for row in csv.reader(io.StringIO(text)):
            assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_import_forms():
    (ada, *_) = rows(gradebook.moodle(CLASS))
    assert ada["Identifier"] == "Participant 4711"
    assert (ada["Full name"], ada["Grade"], ada["Maximum Grade"]) == ("ada", "7", "7")
    possible, ada, _, bob = rows(gradebook.canvas(CLASS))
    assert (possible["Student"].strip(), possible["warm_up"]) == ("Points Possible", "7")
    assert (ada["ID"], ada["SIS Login ID"], ada["warm_up"]) == ("4711", "", "7")
    assert (bob["ID"], bob["SIS Login ID"]) == ("", "bob")


def test_points_by_hand_survive_the_round_trip(tmp_path):
    known = {
        ("ada", "mean_words"): ByHand(0.75, "fine"),
        (FORMULA, "mean_words"): ByHand(0, "-"),
        ("bob", "mean_words"): ByHand(None, "Ask him about step two before giving points."),
        ("eve", "mean_words"): ByHand(None, "Write to her, please."),
    }
    path = tmp_path / "manual.csv"
    path.write_text(gradebook.by_hand_form(CLASS, known), "utf-8")
    assert gradebook.read_by_hand(path, ASSIGNMENT) == known
    written = rows(path.read_text())
    assert [row["student"] for row in written] == ["ada", f"'{FORMULA}", "bob", "eve"]
    assert [row["points"] for row in written] == ["0.75", "0", "", ""]


def test_points_of_a_student_who_is_not_graded_this_time_stay(tmp_path):
    known = {
        ("eve", "mean_words"): ByHand(1, "late, but good"),
        ("ada", "mean_words"): ByHand(1, ""),
    }
    path = tmp_path / "manual.csv"
    path.write_text(gradebook.by_hand_form(CLASS, known), "utf-8")
    assert gradebook.read_by_hand(path, ASSIGNMENT) == known


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("student,check\nada,mean_words", "line 2: the columns have to be student, check, points"),
        ("{h}\nada,mean_check,1,1,", "line 2: 'mean_check' is no check by hand of 'warm_up'"),
        ("{h}\nada,mean_words,1,1,\nbob,mean_words,2,1,", "line 3: '2' are no points between 0"),
        ("{h}\nada,mean_words,nan,1,", "'nan' are no points between 0 and 1"),
        ("{h}\nada,mean_words,good,1,", "'good' are no points"),
        ("{h}\nada,mean_words,1,1,good, but", "line 2: the columns .* stands in double quotes"),
        ("{h},seen\nada,mean_words,1,1,,yes", "line 2: the columns .* and no other"),
        (
            "{h}\nada,mean_words,1,1,\nada,mean_words,,1,good",
            "line 3: 'mean_words' of 'ada' is filled in for the second time",
        ),
    ],
)
def test_a_wrong_table_of_points_names_the_line(tmp_path, text, sentence):
    path = tmp_path / "manual.csv"
    path.write_text(text.format(h="student,check,points,out_of,comment"))
    with pytest.raises(CourseError, match=sentence):
        gradebook.read_by_hand(path, ASSIGNMENT)


def test_a_table_of_points_that_is_not_there(tmp_path):
    with pytest.raises(CourseError, match="cannot be read as a table of points"):
        gradebook.read_by_hand(tmp_path / "none.csv", ASSIGNMENT)


def test_results_are_plain_sorted_and_without_code_or_hidden_inputs():
    text = to_json(CLASS)
    plain = json.loads(text)
    assert text == to_json(dataclasses.replace(CLASS))
    assert [one["student"] for one in plain["submissions"]][3] == "eve"
    assert plain["submissions"][1]["questions"][0]["mistake"] == "sum"
    assert "def mean" not in text
    assert "777" not in text
    assert plain["submissions"][1]["points"] == 2.4


def test_the_late_rule_counts_days_begun(tmp_path):
    rule = lateness.parse("2026-12-01T12:00+01:00, 15")
    path = tmp_path / "x"
    path.touch()
    deadline = datetime(2026, 12, 1, 11, tzinfo=UTC).timestamp()
    for seconds, days in ((-5, 0), (0, 0), (1, 1), (86_400, 1), (86_401, 2)):
        os.utime(path, (deadline + seconds,) * 2)
        assert rule.days(path) == days
    assert [rule.share_lost(days) for days in (0, 2, 7)] == [0, 0.3, 1]
    assert lateness.parse("2026-12-01T11:00,15") == lateness.parse("2026-12-01T11:00Z,15")


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-12-01", "2026-12-01,101", "x,3"])
def test_what_is_no_late_rule(text):
    with pytest.raises(CourseError, match="is no late rule; write the deadline, a comma"):
        lateness.parse(text)
