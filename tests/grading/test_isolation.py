"""Which isolation is chosen, what it says of itself, and what the weaker ones still do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from coursekit.errors import CourseError
from coursekit.grading import guarding, isolation, landlock, running
from coursekit.grading.records import CRASH, EXCEPTION, RAN

from .conftest import left_after_a_minute

ABOUT = {"grade": False, "grade_id": "cell", "solution": True, "locked": False}


def notebook(*sources):
    return new_notebook(
        cells=[new_code_cell(source, metadata={"nbgrader": ABOUT}) for source in sources]
    )


def outcomes(*sources, **options):
    ((name, found),) = running.run({"one": notebook(*sources)}, **options)
    assert name == "one"
    return found


@pytest.fixture
def no_bubblewrap(monkeypatch):
    monkeypatch.setattr(isolation, "bubblewrap_trouble", lambda: "it is not installed")


def test_an_unknown_isolation_is_refused():
    with pytest.raises(CourseError, match="isolation 'docker' is none of auto, required"):
        isolation.choose("docker")


def test_none_is_said_to_be_unsafe():
    chosen = isolation.choose("none")
    assert chosen.sentence.startswith("UNSAFE: submissions ran without isolation.")
    assert not chosen.safe


def test_required_refuses_where_bubblewrap_is_missing(no_bubblewrap):
    with pytest.raises(
        CourseError, match="bubblewrap is required and it is not installed; install"
    ):
        isolation.choose("required")


def test_landlock_takes_its_place_and_says_so(no_bubblewrap, monkeypatch):
    monkeypatch.setattr(isolation, "landlock_trouble", lambda: "")
    chosen = isolation.choose("auto")
    assert (chosen.name, chosen.safe) == ("landlock", False)
    assert chosen.sentence.startswith("bubblewrap was not used: it is not installed. ")


def test_nothing_left_is_unsafe_and_says_why(no_bubblewrap, monkeypatch):
    monkeypatch.setattr(isolation, "landlock_trouble", lambda: "this kernel has no Landlock")
    chosen = isolation.choose("auto")
    assert chosen.name == "none"
    assert "UNSAFE" in chosen.sentence
    assert "this kernel has no Landlock" in chosen.sentence


def test_bubblewrap_that_does_not_start_is_trouble(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no permission' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    isolation.bubblewrap_trouble.cache_clear()
    try:
        assert isolation.bubblewrap_trouble() == (
            "it does not work here (OSError: bwrap: no permission)"
        )
    finally:
        isolation.bubblewrap_trouble.cache_clear()


def test_landlock_keeps_files_and_tcp(tmp_path):
    if isolation.landlock_trouble():
        pytest.skip(isolation.landlock_trouble())
    (tmp_path / "solution.txt").write_text("42")
    read, write, call, home = outcomes(
        f"open({str(tmp_path / 'solution.txt')!r}).read()",
        f"open({str(tmp_path / 'new')!r}, 'w')",
        "import socket\nsocket.create_connection(('127.0.0.1', 9), 1)",
        "import numpy\nopen('mine', 'w').write('x')",
        isolation="landlock",
    )
    assert (read.status, read.message.partition(":")[0]) == (EXCEPTION, "PermissionError")
    assert (write.status, write.message.partition(":")[0]) == (EXCEPTION, "PermissionError")
    if landlock.version() >= 4:
        assert call.message.startswith("PermissionError")
    assert home.status == RAN


def test_quitting_costs_the_cell_that_quits():
    """Not the one that runs when the kernel ends, 0.1 s later."""
    quits, after = outcomes("quit()", "x = 1", isolation="none")
    assert (quits.status, after.status) == (CRASH, RAN)


def test_a_guard_sees_and_ends_all_below_it():
    """Also what has left its session, and whose parent is gone."""
    script = (
        "import os, subprocess, sys, time\n"
        "from coursekit.grading import guarding, namespaces\n"
        "namespaces.call('prctl', namespaces.SET_CHILD_SUBREAPER, 1, 0, 0, 0)\n"
        "code = 'import time; held = b\"x\" * (64 << 20); time.sleep(99)'\n"
        "sleep = [sys.executable, '-c', code]\n"
        "first = subprocess.Popen([sys.executable, '-c', 'import os, subprocess\\n'\n"
        "    f'subprocess.Popen({sleep!r}, start_new_session=True)'])\n"
        "first.wait()\n"
        "end = time.monotonic() + 20\n"
        "while guarding.memory([os.getpid()]) < 64 << 20 and time.monotonic() < end:\n"
        "    time.sleep(0.05)\n"
        "print(len(guarding.descendants([os.getpid()])), guarding.memory([os.getpid()]) >> 26)\n"
        "guarding.end_descendants()\n"
        "print(len(guarding.descendants([os.getpid()])))\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert said.stdout.split() == ["1", "1", "0"], said.stderr


def test_a_session_that_is_stopped_leaves_nobody():
    """Closing the generator, as Ctrl-C does, ends sessions, zygotes and kernels."""
    notebooks = {"a": notebook("1"), "b": notebook("while True: pass")}
    others = set(guarding.descendants([os.getpid()]))  # a browser or a kernel of other tests
    done = running.run(notebooks, isolation="none")
    assert next(done)[0] == "a"
    below = set(guarding.descendants([os.getpid()])) - others
    assert below
    done.close()
    assert not left_after_a_minute(below)


def test_a_session_that_dies_is_started_again(monkeypatch):
    """Nothing is lost, nothing comes twice."""
    notebooks = {name: notebook("1") for name in "abc"}
    sessions = []
    start = running._Session.start

    def remember(self):
        pipe = start(self)
        sessions.append(self._process)
        return pipe

    monkeypatch.setattr(running._Session, "start", remember)
    seen = []
    for name, (outcome,) in running.run(notebooks, isolation="none"):
        assert outcome.status == RAN
        seen.append(name)
        if len(seen) == 1:
            sessions[0].send_signal(signal.SIGKILL)
    assert seen == ["a", "b", "c"]


def test_no_kernel_is_nobody_s_zero(monkeypatch):
    """What cannot start at all is an error of the grading, not a crash of the student."""
    monkeypatch.setattr(running.ways, "bounds", lambda limits: {"RLIMIT_AS": 1 << 20})
    with pytest.raises(CourseError, match=r"(?s)no grading session could be run.*no kernel"):
        list(running.run({"a": notebook("1")}, isolation="none"))


def test_a_notebook_without_code_has_no_outcomes():
    assert list(running.run({"a": new_notebook()}, isolation="none")) == [("a", [])]
