"""The worked example of the book, for real: sixteen submissions through kernels in isolation."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from . import samples

COMMAND = [Path(sys.executable).with_name("coursekit"), "grade"]


def grade(folder, out, jobs):
    options = ["--assignment", samples.NAME, "--out", out, "--jobs", str(jobs)]
    return subprocess.Popen(
        [*COMMAND, folder, *options],
        cwd=samples.ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_each_sample_gets_what_it_deserves_in_parallel_after_a_kill_and_again(tmp_path):
    samples.write(tmp_path / "submitted")
    out = tmp_path / "out"
    killed = grade(tmp_path / "submitted", out, jobs=2)
    while len(list(out.glob("runs/*.json"))) < 16:  # the solved one, 12 mistakes, then students
        assert killed.poll() is None, killed.stderr.read()
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    kept = {path: path.stat().st_mtime_ns for path in out.glob("runs/*.json")}

    resumed = grade(tmp_path / "submitted", out, jobs=2)
    _, said = resumed.communicate(timeout=400)
    assert resumed.returncode == 1
    assert [line.partition(" is not graded")[0] for line in said.splitlines()[-2:]] == [
        *samples.UNREADABLE
    ]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # none of these ran again
    results = (out / "results.json").read_bytes()
    plain = json.loads(results)["submissions"]
    deserved = {student: points for student, (_, points) in samples.SAMPLES.items()}
    wrong = {
        one["student"]: one["points"]
        for one in plain
        if "points" in one and one["points"] != deserved[one["student"]]
    }
    assert wrong == {}
    ended = {
        one["student"]: {
            check["status"] for question in one["questions"] for check in question["checks"]
        }
        - {"ran"}
        for one in plain
    }
    assert ended["eve"] == {"timeout"}
    assert ended["fox"] == ended["gus"] == {"crash"}
    assert ended["hal"] == {"flood"}
    by_name = {one["student"]: one for one in plain}
    assert by_name["bob"]["questions"][0]["mistake"] == "plain-mean"
    assert all(answer["confidence"] < 1 for answer in by_name["colab"]["answers"])

    afresh = grade(tmp_path / "submitted", tmp_path / "afresh", jobs=1)
    afresh.communicate(timeout=400)
    assert (tmp_path / "afresh" / "results.json").read_bytes() == results
    names = {path.name for path in out.glob("feedback/*.html")}
    assert len(names) == len(samples.SAMPLES) + len(samples.UNREADABLE)
