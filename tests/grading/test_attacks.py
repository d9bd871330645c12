"""The corpus of attacks through the whole of grading at full isolation, each with its score."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from coursekit.grading import isolation, running, schema
from coursekit.grading.grade import checks, grade
from coursekit.grading.limits import Limits
from coursekit.grading.store import Store

from . import attacks

LIMITS = Limits(
    seconds_cell=2.0, memory_bytes=2 << 30, file_bytes=8 << 20, processes=48, seconds_cpu=60
)
SOURCES = {
    "double": "def double(x):\n    return 2 * x\n",
    "mean": attacks.RIGHT,
    "spread": "def spread(numbers):\n    return max(numbers) - min(numbers)\n",
}
CHECKS = {
    "double": (2, "double(3) == 6", "double(21) == 42"),
    "mean": (4, "mean([1, 2]) == 1.5", "mean([70, 707, 7070]) == 7847 / 3"),
    "spread": (3, "spread([1, 3]) == 2", "spread([10, 4, 30]) == 26"),
}


def _cell(source, grade_id, *, points=None, metadata=None, outputs=()):
    about = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": points is not None,
        "locked": points is not None,
        "solution": points is None,
    } | ({} if points is None else {"points": points})
    return {
        "cell_type": "code",
        "id": grade_id,
        "source": source,
        "metadata": (metadata or {}) | {"nbgrader": about},
        "outputs": list(outputs),
        "execution_count": None,
    }


def _notebook(attack=None):
    cells = []
    for name, (points, visible, hidden) in CHECKS.items():
        title = {"cell_type": "markdown", "id": f"t-{name}", "source": f"## {name}", "metadata": {}}
        attacked = attack is not None and name == "mean"
        answer = (
            _cell(attack.source, name, metadata=attack.metadata, outputs=attack.outputs)
            if attacked
            else _cell(SOURCES[name], name)
        )
        check = f"assert {visible}\n### BEGIN HIDDEN TESTS\nassert {hidden}\n### END HIDDEN TESTS"
        cells += [title, answer, _cell(check, f"{name}-check", points=points)]
    metadata = {"coursekit": {"assignment": "attacked"}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


class Aftermath:
    """What the attacks came to: the points of each, and what could be seen outside."""

    def __init__(self, folder):
        self.outside = folder / "outside"
        self.outside.mkdir()
        (self.outside / "solution.py").write_text(attacks.RIGHT)
        self.secret, self.left = uuid.uuid4().hex, uuid.uuid4().hex
        self.calls = 0
        submitted = folder / "submitted"
        submitted.mkdir()
        self.numpy = Path(np.__file__).read_bytes()
        os.environ["A_SECRET"] = self.secret
        with socket.create_server(("127.0.0.1", 0)) as server:
            for name, attack in attacks.ATTACKS.items():
                text = json.dumps(_notebook(attack))
                for mark, value in {
                    "@OUTSIDE@": str(self.outside),
                    "@SECRET@": self.secret,
                    "@LEFT@": self.left,
                    "@PORT@": str(server.getsockname()[1]),
                }.items():
                    text = text.replace(mark, value)
                (submitted / f"{name}.ipynb").write_text(text)
            self.results = self._graded(submitted, folder)
            server.setblocking(False)
            try:
                server.accept()
                self.calls += 1
            except BlockingIOError:
                pass
        del os.environ["A_SECRET"]
        self.points = {
            one.student: sum(question.points for question in one.questions)
            for one in self.results.graded
        }

    def _graded(self, submitted, folder):
        assignment = schema.parse(_notebook())
        chosen = isolation.choose("required")
        return grade(
            [submitted],
            assignment,
            Store(folder / "runs", settings=["attacks"], checks=checks(assignment)),
            run=partial(running.run, isolation=chosen.name, limits=LIMITS, jobs=2),
            isolation=chosen.sentence,
            safe=chosen.safe,
        )


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory):
    if isolation.bubblewrap_trouble():
        pytest.skip(f"bubblewrap: {isolation.bubblewrap_trouble()}")
    return Aftermath(tmp_path_factory.mktemp("attacks"))


@pytest.mark.slow
@pytest.mark.parametrize("name", attacks.ATTACKS)
def test_gets_what_it_deserves(aftermath, name):
    assert aftermath.points[name] == pytest.approx(attacks.ATTACKS[name].deserves)


@pytest.mark.slow
def test_each_status_is_named(aftermath):
    """What a cell died of is told to its student."""
    statuses = {
        one.student: {check.status for question in one.questions for check in question.checks}
        for one in aftermath.results.graded
    }
    assert statuses["honest"] == {"ran"}
    assert "timeout" in statuses["loop"]
    assert "crash" in statuses["segmentation fault"]


@pytest.mark.slow
def test_nothing_got_out(aftermath):
    """No file written outside, no call answered, Python as it was."""
    assert [path.name for path in aftermath.outside.iterdir()] == ["solution.py"]
    assert aftermath.calls == 0
    assert Path(np.__file__).read_bytes() == aftermath.numpy


@pytest.mark.slow
def test_nobody_is_left(aftermath):
    """No process that an attack started is there any more, nor any of ours."""
    time.sleep(0.5)
    left = [command for command in _commands() if aftermath.left in command]
    assert left == []
    assert [command for command in _commands() if "bwrap" in command and "student" in command] == []


def _commands():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
