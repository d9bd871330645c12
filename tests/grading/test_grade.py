"""Files in, results out: the whole way but the kernels."""

import dataclasses

import pytest

from coursekit.errors import CourseError
from coursekit.grading.grade import checks, grade, in_kernel
from coursekit.grading.gradebook import ByHand
from coursekit.grading.records import TIMEOUT
from coursekit.grading.results import to_json
from coursekit.grading.store import Store

from .conftest import (
    MEAN,
    MEAN_CHECK,
    SPREAD,
    assignment_of,
    marked,
    source_notebook,
    submitted,
)

SUM = "def mean(x):\n    return sum(x)"
HALF = "def mean(x):\n    return 1.5"


@pytest.fixture
def graded(tmp_path, in_process):
    def of(folder, assignment, **more):
        store = Store(tmp_path / "runs", settings={}, checks=checks(assignment))
        more = {"run": in_process, "isolation": "Nothing was kept apart.", "safe": False} | more
        return grade([folder], assignment, store, **more)

    return of


def points(results):
    return {one.student: None if one.problem else one.points for one in results.graded}


@pytest.fixture
def folder(hand_in):
    return hand_in(
        right=submitted(),
        summed=submitted(mean=SUM),
        half=submitted(mean=HALF, spread="def spread(:"),
        warns=submitted(spread="import sys; print('careful', file=sys.stderr)\n" + SPREAD),
        copied=submitted(mean=SUM),
        broken="{",
        other={"cells": [], "metadata": {"coursekit": {"assignment": "another"}}},
        strange={"cells": [], "metadata": {}},
    )


def test_each_gets_what_it_deserves(folder, warm_up, graded):
    results = graded(folder, warm_up)
    assert points(results) == {
        "broken": None,
        "copied": 2,
        "half": 2,
        "other": None,
        "right": 6,
        "strange": None,
        "summed": 2,
        "warns": 6,
    }
    assert results.out_of == 7  # one of them is given by hand
    problems = {one.student: one.problem for one in results.unread}
    assert problems["other"] == "it is a copy of 'another', not of 'warm_up'"
    assert problems["strange"].startswith("no cell answers a question of 'warm_up'; is it of")
    assert "not a Jupyter notebook" in problems["broken"]
    mistakes = {one.student: one.questions[0].mistake for one in results.graded if one.questions}
    assert mistakes == {"copied": "sum", "half": "", "right": "", "summed": "sum", "warns": ""}
    assert "7070" not in to_json(results)


def test_equal_answers_run_once_and_nothing_runs_twice(folder, warm_up, graded, in_process):
    first = to_json(graded(folder, warm_up))
    assert in_process.cells.count("mean_check") == 4  # right is the solved one, summed the mistake
    in_process.cells.clear()
    assert to_json(graded(folder, warm_up)) == first
    assert in_process.cells == []


@pytest.mark.parametrize("names", [["above"], ["below"], ["above", "below"]])
def test_an_own_cell_above_a_check_is_not_the_same_cell_below_it(hand_in, warm_up, graded, names):
    own = {"cell_type": "code", "source": MEAN, "metadata": {}}
    check = marked(MEAN_CHECK, "mean_check", points=4)
    written = {"above": [own, check], "below": [check, own]}
    notebooks = {name: submitted(mean=HALF) for name in names}
    for name, notebook in notebooks.items():
        notebook["cells"][1:1] = written[name]
    results = graded(hand_in(**notebooks), warm_up)
    assert points(results) == {name: {"above": 6, "below": 4}[name] for name in names}


def test_after_an_interruption_the_rest_runs(folder, warm_up, graded, in_process):
    whole = to_json(graded(folder, warm_up))
    ran = list(in_process.cells)
    for left in range(3):
        in_process.cells.clear()
        for kept in (folder.parent / "runs").iterdir():
            kept.unlink()
        in_process.stop_after = left
        for _ in range(20):
            try:
                results = graded(folder, warm_up)
                break
            except KeyboardInterrupt:
                in_process.stop_after = 1
        assert to_json(results) == whole
        assert sorted(in_process.cells) == sorted(ran)


def test_a_changed_check_alone_runs_again(folder, warm_up, graded, in_process):
    graded(folder, warm_up)
    in_process.cells.clear()
    changed = assignment_of(source_notebook(mean_check=MEAN_CHECK.replace("707,", "717,")))
    graded(folder, changed)
    assert in_process.cells.count("mean_check") == 4
    assert in_process.cells.count("spread_check") == 0
    in_process.cells.clear()
    worth_more = graded(folder, assignment_of(source_notebook(points=10)))
    assert in_process.cells == []  # other points need no run at all
    assert points(worth_more)["right"] == 12


def test_points_by_hand_and_lateness_are_added(folder, warm_up, graded, tmp_path):
    results = graded(folder, warm_up, by_hand={("right", "words"): ByHand(0.5, "fine")})
    assert points(results)["right"] == 6.5
    right = next(one for one in results.graded if one.student == "right")
    assert right.comments == {"words": "fine"}


def test_a_comment_without_points_is_not_told(folder, warm_up, graded):
    results = graded(folder, warm_up, by_hand={("right", "words"): ByHand(None, "ask her first")})
    assert to_json(results) == to_json(graded(folder, warm_up))


def test_what_is_judged_in_the_kernel_is_listed(warm_up):
    assert list(in_kernel(warm_up)) == ["spread_check, assertion 2"]


def test_a_solved_notebook_that_timed_out_on_a_busy_machine_is_tried_again(
    hand_in, warm_up, graded, in_process
):
    def busy(notebooks):
        for name, outcomes in in_process(notebooks):
            yield name, [dataclasses.replace(one, status=TIMEOUT, emitted={}) for one in outcomes]

    folder = hand_in(ada=submitted())
    with pytest.raises(CourseError, match="in the solved notebook it took longer than it may"):
        graded(folder, warm_up, run=busy)
    assert points(graded(folder, warm_up)) == {"ada": 6}


def test_a_solved_notebook_that_fails_is_refused(hand_in, graded, in_process):
    notebook = source_notebook()
    notebook["cells"][2]["source"] = "def mean(numbers):\n    raise ValueError"
    with pytest.raises(CourseError, match="assertion 1 of check 'mean_check' gives no reference"):
        graded(hand_in(a=submitted()), assignment_of(notebook))
    assert "spread_check" in in_process.cells


def test_progress_counts_every_notebook(folder, warm_up, graded):
    seen = []
    graded(folder, warm_up, on_progress=lambda *said: seen.append(said))
    assert seen == [(done, 4) for done in range(5)]  # who hands in the solution runs with it
