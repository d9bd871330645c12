"""How many submissions a minute does each autograder grade, the same ones, cold start and all?

    python benchmarks/grading.py [--submissions 48] [--rounds 3]

Run it in an environment that has nbgrader and otter-grader beside the course (the grading part of
``requirements.txt`` here), and bubblewrap on the machine; ``--course`` names the Python of the
course's own environment. The submissions are honest ones of the
course's second assignment, with ``import torch`` added, as in most courses on deep learning. In a
round each grader takes its turn, in random order, in a process of its own. Rates are by the clock
on the wall; CPU seconds, of all processes it started, are what other work on the machine changes
least. nbgrader and otter grade one after another in one
process, without isolation, which is as fast as they come; ours is at full isolation.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from interleave import table, write_report

from coursekit.grading import release, schema

ROOT = Path(__file__).parent.parent
NAME = "2_loader"
SOURCE = ROOT / "notebooks" / "assignments" / f"{NAME}.ipynb"
PACKAGES = ["numpy", "torch", "ipykernel", "jupyter-client", "nbval", "nbgrader", "otter-grader"]
OTTER_MARKS = ("# BEGIN SOLUTION", "# END SOLUTION", "# BEGIN TESTS", "# END TESTS")


def with_torch(notebook: Any) -> Any:
    """The notebook, importing torch where it imports NumPy."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code" and "import numpy as np" in "".join(cell["source"]):
            cell["source"] = "".join(cell["source"]) + "\nimport torch"
            return notebook
    raise SystemExit(f"{SOURCE} imports NumPy nowhere")


def make(folder: Path, submissions: int) -> None:
    """The source, the submissions for ours and nbgrader, and those in otter's format."""
    (folder / "source" / NAME).mkdir(parents=True)
    source = folder / "source" / NAME / f"{NAME}.ipynb"
    source.write_text(json.dumps(with_torch(json.loads(SOURCE.read_text()))))
    mistakes = SOURCE.with_suffix(".mistakes.py")
    shutil.copy(mistakes, source.with_name(mistakes.name))
    assignment = schema.read(source)
    solved = {schema.grade_id(cell): cell["source"] for cell in assignment.notebook["cells"]}
    for number in range(submissions):
        answers = {one.answer_id: solved[one.answer_id] for one in assignment.questions}
        if number % 3:  # two in three made a mistake
            question = assignment.questions[number % len(assignment.questions)]
            mistake = question.mistakes[number % len(question.mistakes)]
            answers[question.answer_id] = mistake.source
        copy = release.release(assignment)
        for cell in copy["cells"]:
            if schema.grade_id(cell) in answers:
                # No two alike, because ours runs equal notebooks once.
                cell["source"] = f"{answers[schema.grade_id(cell)]}\n# {number}"
        place = folder / "submitted" / f"s{number:03d}" / NAME
        place.mkdir(parents=True)
        (place / f"{NAME}.ipynb").write_text(json.dumps(copy))
    _make_for_otter(folder, assignment)


def _make_for_otter(folder: Path, assignment: Any) -> None:
    """The same assignment as ``otter assign`` wants it, and its archive of tests."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook, new_raw_cell

    cells = [new_raw_cell("# ASSIGNMENT CONFIG\nrequirements: []\n")]
    for cell in assignment.notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = "\n".join(
            line
            for line in cell["source"].split("\n")
            if "### " not in line
            and not line.startswith("print(")  # otter compares what is printed
        )
        name = schema.grade_id(cell)
        questions = [q for q in assignment.questions if q.answer_id == name]
        checks = [q for q in assignment.questions if name in [c.grade_id for c in q.checks]]
        if questions:
            about = f"# BEGIN QUESTION\nname: {questions[0].name}\npoints: 4\n"
            begin, end = (new_raw_cell(mark) for mark in OTTER_MARKS[:2])
            cells += [new_raw_cell(about), begin, new_code_cell(source), end]
        elif checks:
            begin, end = (new_raw_cell(mark) for mark in OTTER_MARKS[2:])
            cells += [begin, new_code_cell(source), end, new_raw_cell("# END QUESTION")]
        else:
            cells.append(new_code_cell(source))
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "otter.ipynb")
    _run([Path(sys.executable).with_name("otter"), "assign", "otter.ipynb", "made"], folder)


def _run(command: list[Any], folder: Path) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
    )
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def ours(folder: Path, submissions: int, jobs: int, python: str = sys.executable) -> None:
    out = Path(tempfile.mkdtemp(dir=folder))
    students = sorted((folder / "submitted").iterdir())[:submissions]
    command: list[Any] = [Path(python).with_name("coursekit"), "grade"]
    command += [student / NAME / f"{NAME}.ipynb" for student in students]
    if submissions == len(list((folder / "submitted").iterdir())):
        command[2:] = [folder / "submitted"]
    command += ["--assignment", folder / "source" / NAME / f"{NAME}.ipynb", "--out", out]
    _run([*command, "--isolation", "required", "--jobs", jobs], folder)
    graded = (out / "gradebook.csv").read_text().count("\n") - 1
    if graded < submissions:
        raise SystemExit(f"ours graded {graded} of {submissions}")


def with_nbgrader(folder: Path, submissions: int) -> None:
    """In a process of its own, see `main`."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import Config

    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.db_url = f"sqlite:///{folder / 'gradebook.db'}"
    api = NbGraderAPI(config=config)
    if not (folder / "release").is_dir():
        api.generate_assignment(NAME, force=True, create=True)
    for number in range(submissions):
        result = api.autograde(NAME, f"s{number:03d}", force=True, create=True)
        if not result["success"]:
            raise SystemExit(result["log"])


def with_otter(folder: Path, submissions: int) -> None:
    """In a process of its own, see `main`."""
    from otter.api import grade_submission

    (archive,) = (folder / "made" / "autograder").glob("*.zip")
    os.chdir(folder)
    for number in range(submissions):
        place = folder / "submitted" / f"s{number:03d}" / NAME / f"{NAME}.ipynb"
        with contextlib.redirect_stdout(None):
            grade_submission(str(place), str(archive), quiet=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--submissions", type=int, default=48)
    options.add_argument("--peers", type=int, help="how many the peers grade in a turn; all")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--course", default=sys.executable, help="its Python; this one")
    options.add_argument("--turn", nargs=2, help=argparse.SUPPRESS)  # a peer, in its own process
    given = options.parse_args()
    if given.turn:
        peer, folder = given.turn
        turn = {"nbgrader": with_nbgrader, "otter": with_otter}[peer]
        turn(Path(folder), given.submissions)
        return
    peers = given.peers or given.submissions
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, given.submissions)

        def peer(which: str, count: int) -> None:
            script = [sys.executable, Path(__file__).resolve(), "--turn", which, folder]
            _run([*script, "--submissions", count], folder)

        peer("nbgrader", 1)  # it makes its release, once
        ways = {
            "ours, full isolation, one job": (
                given.submissions,
                lambda n: ours(folder, n, 1, given.course),
            ),
            "ours, full isolation, two jobs": (
                given.submissions,
                lambda n: ours(folder, n, 2, given.course),
            ),
            "nbgrader autograde, no isolation": (peers, lambda n: peer("nbgrader", n)),
            "otter run, no isolation": (peers, lambda n: peer("otter", n)),
        }
        rates: dict[str, list[float]] = {way: [] for way in ways}
        costs: dict[str, list[float]] = {way: [] for way in ways}
        shuffler = random.Random(0)
        for _ in range(given.rounds):
            for way in shuffler.sample(list(ways), len(ways)):
                count, grade = ways[way]
                start, before = time.perf_counter(), _cpu_seconds()
                grade(count)
                rates[way].append(60 * count / (time.perf_counter() - start))
                costs[way].append((_cpu_seconds() - before) / count)
                print(f"{way}: {rates[way][-1]:.1f} a minute, {costs[way][-1]:.2f} s", flush=True)
    base = "nbgrader autograde, no isolation"
    rows = []
    for way in ways:
        faster = [own / other for own, other in zip(rates[way], rates[base], strict=True)]
        cheaper = [other / own for own, other in zip(costs[way], costs[base], strict=True)]
        minute, cost = statistics.median(rates[way]), statistics.median(costs[way])
        row = [f"{minute:.1f}", _spread(faster), f"{cost:.2f}", _spread(cheaper)]
        rows.append([way, str(ways[way][0]), *row])
    text = (
        f"Options: `--submissions {given.submissions} --peers {peers} --rounds {given.rounds}`. "
        "The graders took turns in random order. Ratios are to nbgrader in "
        "the same round: median, and range where there is more than one. Start-up counts, and for "
        "ours the runs of the solved notebook and of the known mistakes; the making of releases "
        "does not. Load on the machine bends the rates, and favors two jobs over one."
    )
    headers = ["grader", "submissions a turn", "a minute", "times nbgrader's rate"]
    headers += ["CPU seconds each", "times cheaper than nbgrader"]
    write_report("grading", "Grading", PACKAGES, [text, table(headers, rows)])


def _cpu_seconds() -> float:
    """Of all processes that have ended below this one."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _spread(values: list[float]) -> str:
    middle = f"{statistics.median(values):.2f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
