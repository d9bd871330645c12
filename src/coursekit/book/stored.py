"""What an executed notebook says, read from its file: title, reading time, claims.

The book runs no code. Whatever it tells about a chapter comes from the outputs and the metadata
that the last run stored in the notebook.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from coursekit.claims import MIME_TYPE

MAKES_A_CLAIM = re.compile(r"((.*\b)?claims\.)?(proved|observed|estimated|measured)")
"""How a cell may write the function that makes a claim."""


@dataclass(frozen=True)
class StoredClaim:
    """A claim as the output of a cell holds it, and the cell that made it (counted from 1)."""

    id: str
    statement: str
    kind: str
    verdict: str
    corrects: str
    evidence: str
    cell: int


@dataclass
class StoredNotebook:
    """The parts of a notebook that other pages use."""

    title: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: list[StoredClaim] = field(default_factory=list)
    unanswered: list[tuple[int, str]] = field(default_factory=list)
    """Cells that make a claim and hold no output of it: the cell's number and the claim's id."""


def read(path: Path) -> StoredNotebook:
    """Read a notebook file (format 4); never runs it."""
    content = json.loads(path.read_text("utf-8"))
    notebook = StoredNotebook(metadata=content.get("metadata", {}).get("coursekit", {}))
    for number, cell in enumerate(content["cells"], start=1):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and not notebook.title:
            notebook.title = _first_heading(source)
        if cell["cell_type"] == "code":
            found = [_claim(output["data"][MIME_TYPE], number) for output in _claim_outputs(cell)]
            notebook.claims += found
            missing = claims_made(source) - {claim.id for claim in found}
            # A cell may compute its id; then one stored claim of any id answers for it.
            if "" in missing and found:
                missing.discard("")
            notebook.unanswered += [(number, id) for id in sorted(missing)]
    return notebook


def claims_made(source: str) -> set[str]:
    """Ids of the claims that a cell's code makes; "" for an id that is not written literally."""
    lines = ["pass" if line.lstrip()[:1] in ("%", "!") else line for line in source.splitlines()]
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return set()
    ids = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and MAKES_A_CLAIM.fullmatch(ast.unparse(node.func)):
            values = [*node.args[:1], *(word.value for word in node.keywords if word.arg == "id")]
            literal = values and isinstance(values[0], ast.Constant)
            ids.add(str(values[0].value) if literal else "")  # type: ignore[attr-defined]
    return ids


def _claim_outputs(cell: dict[str, Any]) -> list[dict[str, Any]]:
    return [output for output in cell["outputs"] if MIME_TYPE in output.get("data", {})]


def _claim(data: dict[str, str], cell: int) -> StoredClaim:
    return StoredClaim(**data, cell=cell)


def _first_heading(source: str) -> str:
    for line in source.splitlines():
        if line.startswith("# "):
            return line[2:].strip()
    return ""
