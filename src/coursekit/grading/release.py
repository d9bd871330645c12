"""The student copy of an assignment, derived from its solved notebook.

What nbgrader's ``generate_assignment`` would make of the same file, cell for cell and checksum for
checksum: solutions give way to a stub, hidden checks are gone, cells are locked. Beyond that, the
link to Colab opens the student copy, links to chapters lead to the repository, and outputs stay
above the first answer, where they cannot give one away.

What an answer should look like stands above the stub, in the solved notebook: the signature, the
shapes, and how many lines the solved version takes.
"""

from __future__ import annotations

import json
import re

from ..notebooks.opening import LINK_START, colab_link
from .records import Assignment, Json
from .schema import AssignmentError, checksum, grade_id, is_locked, marks

BEGIN, END = "BEGIN SOLUTION", "END SOLUTION"
HIDDEN_BEGIN, HIDDEN_END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
MARKS_BEGIN, MARKS_END = "BEGIN MARK SCHEME", "END MARK SCHEME"
CODE_STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
TEXT_STUB = "YOUR ANSWER HERE"
"""nbgrader's own stubs, so that its checksums and ours agree."""

FOLDER = "assignments"
"""Where student copies stand in the repository, for Colab to open."""

COURSE_LINK = re.compile(r"\[([^\]]+)\]\(\.\./([^)]+)\)")
"""A link from an assignment to a chapter; a student copy may stand anywhere."""


def release(assignment: Assignment, *, address: str = "", path: str = "") -> Json:
    """The student copy of ``assignment``, a notebook.

    ``address`` is the public address of the repository in which the copy will stand, and ``path``
    its place there (``assignments/NAME.ipynb`` unless told). Without an address the copy has no
    link to Colab.

    Raises
    ------
    AssignmentError
        When a region of a solution, of hidden checks or of a mark scheme does not begin or end.
    """
    notebook: Json = json.loads(json.dumps(assignment.notebook))
    notebook["metadata"]["coursekit"].pop("seed", None)
    answered = False
    for cell in notebook["cells"]:
        answered = answered or bool(marks(cell).get("solution"))
        if cell["cell_type"] == "code" and answered:
            cell["outputs"], cell["execution_count"] = [], None
        if marks(cell):
            _release(cell)
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and not marks(cell):
            cell["source"] = COURSE_LINK.sub(
                rf"[\1]({address}/blob/main/notebooks/\2)" if address else r"\1", cell["source"]
            )
    _link(notebook["cells"][0], address, path or f"{FOLDER}/{assignment.name}.ipynb")
    return notebook


def stub(source: str, cell_type: str = "code") -> str:
    """``source`` of an answer cell with its solution, or all of it, replaced by the stub."""
    text = CODE_STUB if cell_type == "code" else TEXT_STUB
    replaced = _without(source, BEGIN, END, text)
    return text if replaced == source else replaced


def visible(source: str) -> str:
    """``source`` of a check without its hidden part."""
    return _without(source, HIDDEN_BEGIN, HIDDEN_END)


def _release(cell: Json) -> None:
    """Make the cell a student's, in place."""
    mark = marks(cell)
    try:
        if mark["solution"]:
            cell["source"] = stub(cell["source"], cell["cell_type"])
        elif mark["grade"]:
            cell["source"] = visible(cell["source"])
        elif mark.get("task"):
            cell["source"] = _without(cell["source"], MARKS_BEGIN, MARKS_END)
    except AssignmentError as error:
        raise AssignmentError(f"cell {grade_id(cell)!r}: {error}") from None
    cell["metadata"].pop("coursekit", None)
    if mark["solution"] or is_locked(cell):
        cell["metadata"]["deletable"] = False
    if is_locked(cell):
        cell["metadata"]["editable"] = False
    if mark["grade"] or mark["solution"] or is_locked(cell):
        mark["checksum"] = checksum(cell)
        mark["cell_type"] = cell["cell_type"]


def _without(source: str, begin: str, end: str, stub: str = "") -> str:
    """``source`` without its lines from ``begin`` to ``end``, with ``stub``, indented, instead."""
    kept: list[str] = []
    inside = False
    for line in source.split("\n"):
        if begin in line:
            if inside:
                raise AssignmentError(f"{begin!r} follows another one; end the first.")
            inside = True
            indent = line[: len(line) - len(line.lstrip())]
            kept += [indent + text for text in stub.split("\n")] if stub else []
        elif end in line:
            if not inside:
                raise AssignmentError(f"{end!r} stands alone; add {begin!r} above it.")
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise AssignmentError(f"{begin!r} has no {end!r}; add it.")
    return "\n".join(kept)


def _link(title: Json, address: str, path: str) -> None:
    """Let the link under the title open the student copy, or take it away."""
    lines = title["source"].split("\n")
    places = [number for number, line in enumerate(lines) if line.startswith(LINK_START)]
    for number in places:
        lines[number : number + 1] = [colab_link(address, path)] if address else []
    title["source"] = "\n".join(lines)
