"""Rules for a stored notebook, each answered by a sentence that says what to do.

The book is built from stored outputs and nbval compares against them, so a notebook that was not
run from top to bottom, or whose outputs belong to one machine, would be published unchecked.
Standard library only: the pytest plugin reads this in every environment.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Node = Mapping[str, Any]

SECONDS_ALLOWED = 60
DETAILS = ("minutes_read", "seconds_run", "device")
"""What a notebook's ``coursekit`` metadata promise, beside the chapter or the assignment it is."""
REASONS = {
    "nbval-ignore-output": "ignore_output_because",
    "nbval-skip": "skip_because",
    "raises-exception": "raises_because",
    "nbval-raises-exception": "raises_because",
}
"""Tags that weaken the check, and the key under the cell's ``coursekit`` metadata saying why."""

_MARKER_COMMENT = re.compile(r"^\s*#+\s*(NBVAL_\w+|PYTEST_VALIDATE_IGNORE_OUTPUT)\s*$", re.M)
_FOREIGN_INSTALL = re.compile(r"pip3?\s+install\b[^\n#]*?(?<![\w./@-])coursekit\b(?!\S*[/@])")
_SAYS_NOTHING = re.compile(r"^<Figure size|^<IPython\.core\.|\bobject at 0x[0-9a-f]+")
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg", "text/html")
_MACHINE_PATH = re.compile(
    r"(?:/home/|/Users/|/root/|/tmp/|/content/|/usr/lib/python)[^\s\"'<>)\\,]+"
    r"|[A-Za-z]:\\+Users\\[^\s\"'<>),]+"
)


def problems(notebook: Node) -> list[str]:
    """What keeps ``notebook`` (parsed JSON, nbformat 4) from being published; empty when nothing.

    Code cells are counted from 1, as the brackets beside an executed cell count them.
    """
    code = [cell for cell in notebook.get("cells", ()) if cell.get("cell_type") == "code"]
    found = [*_about_the_whole(notebook), *_about_the_order(code)]
    for number, cell in enumerate(code, start=1):
        name = f'code cell {number}, "{_first_line(cell)}",'
        found += [f"{name} {what}" for what in _about_cell(cell)]
    return found


def _about_the_whole(notebook: Node) -> Iterator[str]:
    if notebook.get("nbformat") != 4:
        yield f"nbformat is {notebook.get('nbformat')!r}, not 4; save it with a current Jupyter"
        return
    metadata = notebook.get("metadata", {})
    if metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the kernelspec is not 'python3'; run 'coursekit refresh' on it"
    if "widgets" in metadata:
        yield "metadata.widgets stores widget state; run 'coursekit refresh', which keeps none"
    details = metadata.get("coursekit", {})
    kind = "assignment" if "assignment" in details else "chapter"
    missing = [name for name in (kind, *DETAILS) if name not in details]
    if missing:
        yield f"metadata.coursekit lacks {', '.join(missing)}; add what the chapter promises"
    if details.get("seconds_run", 0) > SECONDS_ALLOWED:
        yield f"it promises to run in {details['seconds_run']} s; {SECONDS_ALLOWED} s are allowed"
    ids = [cell.get("id") for cell in notebook.get("cells", ())]
    twice = sorted({str(name) for name in ids if ids.count(name) > 1})
    if twice:
        yield f"cells share the id {', '.join(twice)}; run 'coursekit refresh' on it"


def _about_the_order(code: list[Node]) -> Iterator[str]:
    counts = [cell.get("execution_count") for cell in code]
    never = [number for number, count in enumerate(counts, start=1) if count is None]
    if never:
        yield (
            f"{len(never)} of {len(code)} code cells were never run ({_shortened(never)}), so "
            "nothing of them is checked; run 'coursekit refresh' on it, on a machine with a GPU "
            "if they are tagged gpu"
        )
    elif counts != list(range(1, len(code) + 1)):
        yield (
            f"its cells ran out of order or more than once ({_shortened(counts)}); "
            "run 'coursekit refresh', which runs it from top to bottom"
        )


def _about_cell(cell: Node) -> Iterator[str]:
    source = _joined(cell.get("source", ""))
    tags = cell.get("metadata", {}).get("tags", [])
    reasons = cell.get("metadata", {}).get("coursekit", {})
    if not source.strip():
        yield "is empty; delete it"
    if source.rstrip().endswith(";"):
        yield "ends with ';', which hides the value from readers but not from nbval; assign it"
    for tag in tags:
        if tag in REASONS and not str(reasons.get(REASONS[tag], "")).strip():
            yield f"has the tag {tag}; say why in its metadata, coursekit.{REASONS[tag]}"
        elif tag.startswith("nbval") and tag not in (*REASONS, "nbval-check-output"):
            yield f"has the tag {tag}, which nbval does not know; spell it right or drop it"
    marker = _MARKER_COMMENT.search(source)
    if marker:
        yield f"steers nbval by the comment {marker[1]}; use the tag, which must give its reason"
    if _FOREIGN_INSTALL.search(source):
        yield "installs an unrelated package by the name coursekit; ours is batch-by-batch"
    yield from _about_outputs(cell.get("outputs", []), tags)


def _about_outputs(outputs: list[Node], tags: list[str]) -> Iterator[str]:
    may_raise = "raises-exception" in tags or "nbval-raises-exception" in tags
    for output in outputs:
        if output["output_type"] == "error" and not may_raise:
            yield f"stores the error {output.get('ename')}: {output.get('evalue')}; mend it, rerun"
        if output.get("name") == "stderr" and "nbval-ignore-output" not in tags:
            first = _joined(output["text"]).strip().split("\n")[0]
            yield f"wrote to stderr ({first[:80]}); a reader must not meet a warning unexplained"
        data = output.get("data", {})
        if any(kind in data for kind in _PICTURES):
            words = _joined(data.get("text/plain", ""))
            if not words.strip() or _SAYS_NOTHING.search(words):
                yield "shows a picture without its data as text/plain; end it with show(ax)"
    for text in _strings(outputs):
        path = _machine_path(text)
        if path:
            yield f"shows {path}, a path of the machine it ran on; print what the reader needs"
            return


def _machine_path(text: str) -> str | None:
    """The first absolute path in ``text`` that belongs to a machine, this one or any other."""
    found = _MACHINE_PATH.search(text)
    if found:
        return found[0]
    here = {sys.prefix, str(Path.home()), str(Path.cwd()), tempfile.gettempdir()}
    return next((path for path in sorted(here) if len(path) > 4 and f"{path}/" in text), None)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list):
        if value and all(isinstance(line, str) for line in value):
            yield "".join(value)
        else:
            for inner in value:
                yield from _strings(inner)


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _first_line(cell: Node) -> str:
    lines = [line for line in _joined(cell.get("source", "")).split("\n") if line.strip()]
    line = lines[0].strip() if lines else "empty"
    return f"{line[:40]}…" if len(line) > 40 else line


def _shortened(counts: list[Any]) -> str:
    shown = ", ".join(str(count) for count in counts[:8])
    return f"{shown}, …" if len(counts) > 8 else shown
