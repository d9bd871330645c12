"""A small assignment as a notebook, submissions for it, and a way to run them without kernels."""

import io
import json
import re
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from coursekit.grading import emitting, schema
from coursekit.grading.records import EXCEPTION, RAN, CellOutcome, Mistake


def marked(source, grade_id, *, points=None, solution=False, kind="code"):
    about = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "solution": solution,
        "locked": not solution,
    } | ({} if points is None else {"points": points})
    cell = {"cell_type": kind, "source": source, "metadata": {"nbgrader": about}, "id": grade_id}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def text(source):
    return {
        "cell_type": "markdown",
        "source": source,
        "metadata": {},
        "id": re.sub(r"\W", "", source),
    }


MEAN = "def mean(numbers):\n    return sum(numbers) / len(numbers)"
SPREAD = "def spread(numbers):\n    return max(numbers) - min(numbers)"
MEAN_CHECK = """\
assert mean([1, 2]) == 1.5
### BEGIN HIDDEN TESTS
unseen = [70, 707, 7070]
assert mean(unseen) == sum(unseen) / 3, "the mean of unseen numbers"
### END HIDDEN TESTS"""
SPREAD_CHECK = "assert spread([1, 3]) == 2\nassert spread([5]) < 1"


def source_notebook(*, mean_check=MEAN_CHECK, points=4):
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"coursekit": {"assignment": "warm_up"}},
        "cells": [
            text("# Warm-up"),
            text("## The mean"),
            marked(MEAN, "mean", solution=True),
            marked(mean_check, "mean_check", points=points),
            text("## The spread"),
            marked(SPREAD, "spread", solution=True),
            marked(SPREAD_CHECK, "spread_check", points=2),
            text("## In words"),
            marked("Because.", "words", points=1, solution=True, kind="markdown"),
        ],
    }


def assignment_of(notebook):
    mistakes = {
        "mean": (Mistake("sum", "The sum was not divided.", "def mean(x):\n    return sum(x)"),)
    }
    return schema._with_mistakes(schema.parse(notebook), mistakes)


@pytest.fixture
def warm_up():
    return assignment_of(source_notebook())


def submitted(mean=MEAN, spread=SPREAD, words="It is so."):
    cells = [
        marked(mean, "mean", solution=True),
        marked(spread, "spread", solution=True),
        marked(words, "words", points=1, solution=True, kind="markdown"),
    ]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


@pytest.fixture
def hand_in(tmp_path):
    """Write submissions into a folder, by name; a text is written as it is."""
    folder = tmp_path / "submitted"
    folder.mkdir()

    def write(**notebooks):
        for name, notebook in notebooks.items():
            content = notebook if isinstance(notebook, str) else json.dumps(notebook)
            (folder / f"{name}.ipynb").write_text(content, "utf-8")
        return folder

    return write


class InProcess:
    """Runs notebooks here, without kernel and isolation, and counts what it ran."""

    def __init__(self):
        self.cells = []
        self.stop_after = None

    def __call__(self, notebooks):
        for done, (name, notebook) in enumerate(notebooks.items()):
            if done == self.stop_after:
                raise KeyboardInterrupt
            names = {}
            code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
            outcomes = [self._run(cell, names) for cell in code]
            yield name, [one for one in outcomes if one.grade_id]

    def _run(self, cell, names):
        sent, grade_id = [], schema.grade_id(cell)
        self.cells.append(grade_id)
        before, emitting.publish = emitting.publish, sent.append
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                exec(cell["source"], names)
            status, message = RAN, ""
        except Exception as error:
            status, message = EXCEPTION, f"{type(error).__name__}: {error}"
        finally:
            emitting.publish = before
        emitted = {one["number"]: json.loads(json.dumps(one["value"])) for one in sent}
        return CellOutcome(grade_id, status, emitted, message)


@pytest.fixture
def in_process():
    return InProcess()


def _start(*command):
    return subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture
def two_workers(tmp_path):
    """The address of a scheduler, and its two workers' processes."""
    pytest.importorskip("distributed", reason="distributed is not installed")
    file = tmp_path / "scheduler.json"
    here = ("--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file))
    scheduler = _start("distributed.cli.dask_scheduler", *here, "--no-dashboard")
    processes = [scheduler]
    try:
        while not (file.exists() and file.read_text()):
            assert scheduler.poll() is None
            time.sleep(0.1)
        address = json.loads(file.read_text())["address"]
        options = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        folder = ("--local-directory", str(tmp_path))
        workers = [
            _start("distributed.cli.dask_worker", address, *options, *folder) for _ in range(2)
        ]
        processes += workers
        from distributed import Client

        with Client(address, timeout=20, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, workers
    finally:
        for process in processes:
            process.kill()
            process.wait()


def left_after_a_minute(pids):
    """Those of the processes that still run when a minute is over, or as soon as none does."""
    end = time.monotonic() + 60
    while (left := [pid for pid in pids if _runs(pid)]) and time.monotonic() < end:
        time.sleep(0.05)
    return left


def _runs(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
