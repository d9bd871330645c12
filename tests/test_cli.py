"""The coursekit command: what it says and how it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import coursekit
from coursekit.cli import main

DETAILS = {"chapter": "01", "minutes_read": 5, "seconds_run": 10, "device": "cpu"}


def write(path: Path, *sources: str) -> Path:
    cells = [new_markdown_cell("# Title"), *map(new_code_cell, sources)]
    made = new_notebook(cells=cells, metadata={"coursekit": DETAILS})
    nbformat.write(made, path)
    return path


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A repository with one notebook that never ran; the current folder is in it."""
    (tmp_path / "_config.yml").write_text("repository:\n  url: https://github.com/a/b\n")
    (tmp_path / "notebooks").mkdir()
    write(tmp_path / "notebooks" / "01_x.ipynb", "print(1)")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def coursekit_command(*arguments: str):
    return CliRunner().invoke(main, arguments)


def test_refresh_then_check(course):
    before = coursekit_command("check")
    assert before.exit_code == 1
    assert "notebooks/01_x.ipynb: 1 of 1 code cells were never run" in before.stderr
    refreshed = coursekit_command("refresh", "--jobs", "1")
    assert refreshed.exit_code == 0, refreshed.stderr
    assert refreshed.stdout == "notebooks/01_x.ipynb: written\n"
    assert "2/2" in refreshed.stderr
    after = coursekit_command("check", "notebooks/01_x.ipynb")
    assert (after.exit_code, after.stderr) == (0, "")


def test_a_cell_that_fails_is_one_sentence_and_exit_code_1(course):
    write(course / "notebooks" / "01_x.ipynb", "x = {}", "x['lost']")
    ran = coursekit_command("refresh")
    assert ran.exit_code == 1
    assert "01_x.ipynb: code cell 3 failed with KeyError: 'lost'." in ran.stderr
    assert "Traceback" not in ran.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("refresh", "none.ipynb"), "coursekit: none.ipynb does not exist.\n"),
        (("check", "_config.yml"), "coursekit: _config.yml is not a Jupyter notebook: "),
        (("repoint", "a/b"), "coursekit: 'a/b' is not an address like https://github.com/"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(course, arguments, sentence):
    ran = coursekit_command(*arguments)
    assert ran.exit_code == 2
    assert ran.stderr.startswith(sentence)
    assert ran.stderr.count("\n") == 1


def test_an_empty_course_and_a_folder_outside_are_said(course, monkeypatch):
    (course / "notebooks" / "01_x.ipynb").unlink()
    assert "there is no notebook in notebooks." in coursekit_command("refresh").stderr
    monkeypatch.chdir(course.parent)
    assert "is not inside the course's repository" in coursekit_command("check").stderr


def test_repoint_names_what_it_changed(course):
    ran = coursekit_command("repoint", "https://github.com/c/d")
    assert (ran.exit_code, ran.stdout) == (0, "_config.yml\n")


def test_version_is_the_package_s():
    assert coursekit_command("--version").stdout == f"coursekit {coursekit.__version__}\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
def test_ctrl_c_ends_at_once_and_leaves_notebooks_and_kernels_as_they_were(course):
    path = course / "notebooks" / "01_x.ipynb"
    started = course / "started"
    write(
        path,
        f"import os, time; open({str(started)!r}, 'w').write(str(os.getpid()))",
        "time.sleep(60)",
    )
    stored = path.read_bytes()
    command = [Path(sys.executable).parent / "coursekit", "refresh"]
    refresh = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (started.exists() and started.read_text()):
        assert refresh.poll() is None, refresh.stderr.read()
        time.sleep(0.05)
    refresh.send_signal(signal.SIGINT)
    refresh.communicate(timeout=20)
    assert refresh.returncode not in (0, None)
    assert path.read_bytes() == stored
    with pytest.raises(ProcessLookupError):
        os.kill(int(started.read_text()), 0)
