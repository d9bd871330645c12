"""How every notebook opens: a link to Colab under its title, then the setup cell.

Both are written here once. `open_the_course_way` puts them into a notebook, and is what
``coursekit refresh`` and ``coursekit repoint`` call, so no notebook drifts from the others.
"""

from __future__ import annotations

from typing import Any

from ..errors import CourseError

SETUP_ID = "setup"
LINK_START = "[Open in Colab]("

SETUP_CELL = """\
# Finds the course's code or installs it; numpy and torch stay as they are.
import os
import sys
from importlib import invalidate_caches, metadata, util
from subprocess import call

if util.find_spec("coursekit") is None:
    home = "git+{address}"
    source = os.environ.get("BATCH_BY_BATCH_SOURCE", home)
    here = [name for name in ("numpy", "torch") if util.find_spec(name)]
    wanted = [f"{name}=={metadata.version(name)}" for name in here]
    wanted += [f"batch-by-batch[notebooks] @ {source}"]
    if call([sys.executable, "-m", "pip", "install", "--quiet", *wanted]):
        raise SystemExit(f"Nothing came from {source}; go online, rerun.")
    invalidate_caches()
import coursekit

if getattr(coursekit, "DISTRIBUTION", "") != "batch-by-batch":
    raise SystemExit("Another coursekit is here; uninstall it and restart.")
print("coursekit is ready.")"""
"""Source of the setup cell; ``{address}`` is the repository's public address."""


def setup_source(address: str) -> str:
    """Source of the setup cell for the repository at ``address``."""
    return SETUP_CELL.replace("{address}", address)


def colab_link(address: str, path: str) -> str:
    """Markdown link that opens the notebook at ``path`` (from the repository's root) on Colab."""
    repository = address.removeprefix("https://github.com/")
    return f"{LINK_START}https://colab.research.google.com/github/{repository}/blob/main/{path})"


def open_the_course_way(notebook: Any, *, address: str, path: str) -> None:
    """Bring the Colab link and the setup cell of ``notebook`` up to date, in place.

    The link is one line of the first cell, which holds the title; where there is none yet it goes
    right under the title. The setup cell is the code cell with the id ``setup``; where there is
    none yet it becomes the second cell. Its stored output stays: the text it prints never varies.
    """
    cells = notebook["cells"]
    if not cells or cells[0]["cell_type"] != "markdown" or not _text(cells[0]).startswith("# "):
        raise CourseError(
            f"{path} does not open with its title; make the first cell Markdown, starting with '# '"
        )
    link = colab_link(address, path)
    lines = _text(cells[0]).split("\n")
    places = [index for index, line in enumerate(lines) if line.startswith(LINK_START)]
    if places:
        lines[places[0]] = link
    else:
        lines[1:1] = ["", link]
    cells[0]["source"] = "\n".join(lines)

    setup = next((cell for cell in cells if cell.get("id") == SETUP_ID), None)
    if setup is None:
        from nbformat.v4 import new_code_cell

        setup = new_code_cell(id=SETUP_ID)
        cells.insert(1, setup)
    setup["source"] = setup_source(address)
    setup["metadata"]["tags"] = ["hide-input"]


def _text(cell: Any) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
