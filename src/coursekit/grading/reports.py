"""All that a grading leaves in its folder, each file written whole.

``results.json``, ``gradebook.csv``, ``moodle.csv``, ``canvas.csv``, ``summary.html`` and a page a
student in ``feedback/``; ``manual.csv`` when points are given by hand, there and in no other file;
``gradebook.db`` when nbgrader is installed. ``runs/`` is the `store`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..notebooks.files import replace_file
from . import class_summary, feedback, gradebook, nbgrader_export
from .gradebook import ByHand
from .records import Assignment
from .results import Results, to_json
from .store import writing

MANUAL = "manual.csv"


def write(
    out: Path,
    results: Results,
    assignment: Assignment,
    by_hand: Mapping[tuple[str, str], ByHand] | None,
) -> None:
    """Write every report of ``results`` into the folder ``out``.

    ``by_hand`` is what ``manual.csv`` held; None leaves that file as it is.

    Raises
    ------
    CourseError
        When the disk is full or the folder cannot be written.
    """
    texts = {
        "results.json": to_json(results),
        "gradebook.csv": gradebook.gradebook(results),
        "moodle.csv": gradebook.moodle(results),
        "canvas.csv": gradebook.canvas(results),
        "summary.html": class_summary.page(results),
    }
    checks = [check for question in assignment.questions for check in question.checks]
    if by_hand is not None and any(check.manual for check in checks):
        texts[MANUAL] = gradebook.by_hand_form(results, by_hand)
    for graded in results.graded:
        texts[f"feedback/{feedback.file_name(graded.student)}"] = feedback.page(results, graded)
    with writing(out):
        (out / "feedback").mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            replace_file(out / name, text)
    if nbgrader_export.is_possible():
        nbgrader_export.export(out / "gradebook.db", results, assignment)
