"""Nothing runs twice, nothing is lost, and a changed check runs alone."""

import errno
import json

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from coursekit.errors import CourseError
from coursekit.grading import store as store_module
from coursekit.grading.records import RAN, CellOutcome
from coursekit.grading.store import Store


def cell(source, grade_id=None):
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": grade_id}} if grade_id else {})


def notebook(answer="x = 1", one="emit(x)", two="emit(2 * x)"):
    return new_notebook(
        cells=[
            cell("import math"),
            cell(answer, "answer"),
            cell(one, "one"),
            cell(two, "two"),
        ]
    )


def outcomes(*ids):
    return [CellOutcome(grade_id, RAN, {1: [1.5, None], 2: "é"}, "said") for grade_id in ids]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs", settings={"seconds": 3}, checks=["one", "two"])


def test_what_was_kept_comes_back_as_it_was(store):
    assert store.outcomes(notebook()) == {}
    assert len(store.missing(notebook()).cells) == 4
    store.keep(notebook(), outcomes("answer", "one", "two"))
    assert list(store.outcomes(notebook()).values()) == outcomes("answer", "one", "two")
    assert store.missing(notebook()) is None


def test_a_changed_check_runs_alone_behind_the_same_answers(store):
    store.keep(notebook(), outcomes("answer", "one", "two"))
    changed = notebook(two="emit(3 * x)")
    left = store.missing(changed)
    assert [one.source for one in left.cells] == ["import math", "x = 1", "emit(3 * x)"]
    store.keep(changed, outcomes("answer", "two"))
    assert store.missing(changed) is None
    assert store.missing(notebook()) is None  # the old check is still known


def test_where_the_checks_stand_among_the_cells_is_part_of_the_name(store):
    answer, own, one = cell("x = 1", "answer"), cell("x = 2"), cell("emit(x)", "one")
    above, below = new_notebook(cells=[answer, own, one]), new_notebook(cells=[answer, one, own])
    store.keep(above, outcomes("answer", "one"))
    assert store.missing(above) is None
    assert len(store.missing(below).cells) == 3


def test_text_that_is_no_unicode_is_kept_as_far_as_it_is(store):
    said = CellOutcome("one", RAN, {1: "é\ud83d"}, "\ud83d")
    store.keep(notebook(), [said])
    assert store.outcomes(notebook()) == {"one": CellOutcome("one", RAN, {1: "é?"}, "?")}


def test_a_changed_answer_setting_or_package_runs_all_again(store, tmp_path, monkeypatch):
    store.keep(notebook(), outcomes("answer", "one", "two"))
    assert len(store.missing(notebook(answer="x = 2")).cells) == 4
    other = Store(tmp_path / "runs", settings={"seconds": 4}, checks=["one", "two"])
    assert len(other.missing(notebook()).cells) == 4
    monkeypatch.setattr(store_module.metadata, "version", lambda _: "0.0")
    newer = Store(tmp_path / "runs", settings={"seconds": 3}, checks=["one", "two"])
    assert len(newer.missing(notebook()).cells) == 4


def test_checks_that_lean_on_each_other_run_together(store):
    made = notebook(one="data = x\nemit(data)", two="emit(data)")
    store.keep(made, outcomes("answer", "one", "two"))
    changed = notebook(one="data = x + 1\nemit(data)", two="emit(data)")
    assert len(store.missing(changed).cells) == 4


def test_a_run_that_ended_early_keeps_what_it_has(store):
    store.keep(notebook(), outcomes("answer", "one"))
    assert [one.source for one in store.missing(notebook()).cells][-1] == "emit(2 * x)"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"cells": {"k": 3}}', '{"cells": []}'])
def test_a_spoiled_file_counts_as_none(store, tmp_path, text):
    store.keep(notebook(), outcomes("answer", "one", "two"))
    (kept,) = (tmp_path / "runs").iterdir()
    kept.write_text(text)
    assert len(store.missing(notebook()).cells) == 4
    store.keep(notebook(), outcomes("answer", "one", "two"))
    assert store.missing(notebook()) is None


def test_a_full_disk_is_one_sentence_and_the_old_file_stays(store, tmp_path, monkeypatch):
    store.keep(notebook(), outcomes("answer", "one"))
    (kept,) = (tmp_path / "runs").iterdir()
    before = kept.read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(CourseError, match="the disk is full"):
            store.keep(notebook(), outcomes("two"))
    assert kept.read_bytes() == before
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [kept.name]
    assert json.loads(before)
