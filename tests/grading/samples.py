"""Sixteen submissions of assignment 1, from right to hostile, and the points each deserves.

    .venv/bin/python -m tests.grading.samples FOLDER

writes them as notebooks, to try `coursekit grade` on; two of the files cannot be read.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

from coursekit.grading import schema
from coursekit.grading.release import release

ROOT = Path(__file__).parents[2]
NAME = "1_estimator"
FIRST, SECOND, THIRD = "stratified-gradient", "batch-size-for", "variance-after"

LOOP = "def batch_size_for(values, target, replace):\n    while True:\n        pass"
EXIT = "import os\n\ndef batch_size_for(values, target, replace):\n    os._exit(0)"
CRASH = (
    "import ctypes\n\ndef variance_after(values, batch_size, steps, order):\n"
    "    ctypes.string_at(0)"
)
FLOOD = (
    "def stratified_gradient(grads, strata, chosen):\n    while True:\n        print('x' * 1000)"
)
MEMORY = (
    "import numpy as np\n\ndef stratified_gradient(grads, strata, chosen):\n"
    "    return np.ones(1 << 33)"
)
RAISES = "def variance_after(values, batch_size, steps, order):\n    raise ValueError(f'{values}')"
READS = (
    "from pathlib import Path\n\ndef stratified_gradient(grads, strata, chosen):\n"
    f"    return Path({str(ROOT / 'notebooks')!r}).joinpath('assignments').exists()"
)
WARNS = "import sys, warnings\nwarnings.warn('old')\nprint('careful', file=sys.stderr)\n"
TAKES_THE_INPUT = "def stratified_gradient(grads, strata, chosen):\n    return grads"

STUB, SOLVED = "stub", "solved"


def mistake(name: str) -> str:
    """Stands for the code of a mistake that the assignment knows."""
    return f"mistake {name}"


SAMPLES: dict[str, tuple[dict[str, str], float]] = {
    "ada": ({}, 13),
    "blank": ({FIRST: STUB, SECOND: STUB, THIRD: STUB}, 0),
    "bob": ({FIRST: mistake("plain-mean")}, 9),
    "cam": (
        {
            SECOND: mistake("deviation-like-1-over-B"),
            THIRD: mistake("batches-as-independent"),
        },
        7.5238,
    ),
    "colab": ({}, 13),  # metadata and ids gone, cells in another order
    "dee": ({FIRST: "def stratified_gradient(:\n    pass"}, 9),
    "eve": ({SECOND: LOOP}, 9),
    "fox": ({SECOND: EXIT}, 9),
    "gus": ({THIRD: CRASH}, 8),
    "hal": ({FIRST: FLOOD}, 9),
    "ivy": ({FIRST: WARNS + SOLVED}, 13),
    "jan": ({THIRD: RAISES}, 8),
    "kim": ({FIRST: READS}, 9),
    "liz": ({FIRST: MEMORY}, 9),
    "mia": ({FIRST: TAKES_THE_INPUT}, 9),
    "=cmd|' <b>": ({}, 13),
}
"""By student: the answers that are not the solved ones, and the points deserved of 13."""

UNREADABLE = ("broken", "twice")


def write(folder: Path) -> None:
    """Put all samples into ``folder``, which is made if it is not there."""
    assignment = schema.read(ROOT / "notebooks" / "assignments" / f"{NAME}.ipynb")
    solved = {schema.grade_id(cell): cell["source"] for cell in assignment.notebook["cells"]}
    known = {
        mistake(one.name): one.source
        for question in assignment.questions
        for one in question.mistakes
    }
    folder.mkdir(parents=True, exist_ok=True)
    handed_out = release(assignment)
    for student, (answers, _) in SAMPLES.items():
        notebook = copy.deepcopy(handed_out)
        for cell in notebook["cells"]:
            name = schema.grade_id(cell)
            if name in (FIRST, SECOND, THIRD):
                answer = answers.get(name, SOLVED)
                if answer != STUB:
                    text = known.get(answer, answer)
                    cell["source"] = text.replace(SOLVED, solved[name])
        if student == "colab":
            _through_colab(notebook)
        (folder / f"{student}.ipynb").write_text(json.dumps(notebook), "utf-8")
    (folder / "broken.ipynb").write_text("{", "utf-8")
    (folder / "twice").mkdir(exist_ok=True)
    for number in (1, 2):
        (folder / "twice" / f"{number}.ipynb").write_text(json.dumps(handed_out), "utf-8")


def _through_colab(notebook: Any) -> None:
    """What an editor may leave of a notebook."""
    notebook["metadata"] = {"colab": {"provenance": []}}
    notebook["cells"] = [*notebook["cells"][:3], *reversed(notebook["cells"][3:])]
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
