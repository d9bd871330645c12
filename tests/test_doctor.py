"""coursekit doctor: what this machine can do, and a sentence for what it cannot."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from coursekit import doctor
from coursekit.cli import main


@pytest.fixture
def found():
    return {one.what: one for one in doctor.examine()}


def test_the_book_s_own_environment_can_do_everything_that_packages_decide(found):
    assert {what: found[what].answer for what in doctor.ABILITIES} == dict.fromkeys(
        doctor.ABILITIES, doctor.FINE
    )
    assert "torch" in found["Run their PyTorch cells"].found


def test_what_is_missing_or_too_old_is_named_with_the_command_that_mends_it(monkeypatch):
    versions = {"click": None, "nbval": "0.1", "torch": None}
    here = doctor.installed
    monkeypatch.setattr(doctor, "installed", lambda name: versions.get(name, here(name)))
    found = {one.what: one for one in doctor.examine()}
    assert found["Run the chapters"].answer == doctor.FINE
    grade = found["Grade assignments"]
    assert grade.answer == doctor.MISSING
    assert "click is missing" in grade.found
    assert "nbval 0.1 is not >=0.11" in grade.found
    assert "pip install '.[grading]'" in grade.advice
    ran = CliRunner().invoke(main, ["doctor"], env={"COLUMNS": "200"})
    assert ran.exit_code == 1
    assert "pip install '.[torch]'" in ran.stdout


def test_an_extra_brings_the_extras_it_is_made_of():
    names = {one.name for one in doctor._requirements("notebooks")}
    assert {"numpy", "matplotlib", "scikit-learn"} <= names
    assert "batch-by-batch" not in names


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("bwrap", "Grade strangers' code in isolation"),
        ("chromium", "Try the pages in a browser (make test)"),
        ("node", "Test the interactive figures (make test)"),
    ],
)
def test_a_program_that_is_not_there_is_no_fault(monkeypatch, program, what):
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    one = {found.what: found for found in doctor.examine()}[what]
    assert one.answer == doctor.OPTIONAL
    assert one.advice


@pytest.mark.parametrize(("gigabytes", "answer"), [(3.9, "no"), (4.0, "yes"), (None, "yes")])
def test_memory_is_held_against_what_a_chapter_may_use(monkeypatch, gigabytes, answer):
    monkeypatch.setattr(doctor, "memory_gigabytes", lambda: gigabytes)
    assert doctor._memory().answer == answer


def test_a_gpu_is_named(monkeypatch):
    monkeypatch.setattr(doctor, "gpu_name", lambda: "Some GPU")
    assert (doctor._gpu().answer, doctor._gpu().found) == (doctor.FINE, "Some GPU")
