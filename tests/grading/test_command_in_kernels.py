"""The command itself, in real kernels: stopped by Ctrl-C in the middle, and on a Dask cluster."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from coursekit.grading.guarding import descendants

from .conftest import left_after_a_minute, source_notebook, submitted

MISTAKES = "# %% mean: sum\n# The sum was not divided.\ndef mean(x):\n    return sum(x)\n"
STUDENTS = 6

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc"),
]


@pytest.fixture
def class_of_six(tmp_path, hand_in):
    """The folder with the assignment and six submissions, no two alike."""
    (tmp_path / "warm_up.ipynb").write_text(json.dumps(source_notebook()))
    (tmp_path / "warm_up.mistakes.py").write_text(MISTAKES)
    wrong = {f"s{n}": submitted(mean=f"def mean(x):\n    return {n}.5") for n in range(STUDENTS)}
    hand_in(**wrong)
    return tmp_path


def grading(folder, out, *options):
    """A running ``coursekit grade``; as after a typed command, SIGINT reaches it alone."""
    command = [Path(sys.executable).with_name("coursekit"), "grade", "submitted", "--out", out]
    return subprocess.Popen(
        [*command, "--assignment", "warm_up.ipynb", "--jobs", "1", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return said


def kept(folder, out):
    return {path.name: path.stat().st_mtime_ns for path in (folder / out / "runs").glob("*.json")}


def test_ctrl_c_loses_nothing_and_the_same_command_goes_on(class_of_six):
    process = grading(class_of_six, "stopped")
    while len(kept(class_of_six, "stopped")) < 4:  # solved notebook, the mistake, two students
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    below = descendants([process.pid])
    assert below
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, said) == (2, "")
    assert errors == (
        "coursekit: stopped; what was graded is kept, and the same command goes on from there.\n"
    )
    assert not left_after_a_minute(below)
    before = kept(class_of_six, "stopped")
    assert 4 <= len(before) < 2 + STUDENTS

    assert "6 of 6 graded" in finished(grading(class_of_six, "stopped"))
    after = kept(class_of_six, "stopped")
    assert len(after) == 2 + STUDENTS
    assert {name: after[name] for name in before} == before  # not run, so not written, again

    finished(grading(class_of_six, "undisturbed"))
    results = [class_of_six / out / "results.json" for out in ("stopped", "undisturbed")]
    assert results[0].read_bytes() == results[1].read_bytes()


def test_on_a_cluster_the_command_gives_the_same_results(class_of_six, two_workers):
    address, _ = two_workers
    assert "6 of 6 graded" in finished(grading(class_of_six, "far", "--scheduler", address))
    finished(grading(class_of_six, "here"))
    far, here = (
        json.loads((class_of_six / out / "results.json").read_text()) for out in ("far", "here")
    )
    assert far["submissions"] == here["submissions"]
