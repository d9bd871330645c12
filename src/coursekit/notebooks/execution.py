"""Re-execute notebooks, store them in one normal form, and never leave one half-written."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from ..errors import CourseError
from . import repository
from .files import replace_file
from .gpu import GPU_TAG, cuda_present
from .machine import verified_here
from .opening import open_the_course_way
from .rules import problems

CELL_SECONDS = 300
"""A cell that runs longer is stopped and reported."""

NOTEBOOK_METADATA = ("coursekit", "kernelspec", "language_info", "myst", "mystnb")
CELL_METADATA = ("tags", "coursekit", "nbgrader", "mystnb", "deletable", "editable")
"""What is kept; everything else belongs to the program that last saved the notebook."""


OnCell = Callable[[Path, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What became of one notebook. ``problems`` is empty when it is fit to publish."""

    path: Path
    changed: bool
    problems: list[str] = field(default_factory=list)


class _Stopped(Exception):  # noqa: N818  (a request of the user, not an error)
    """The user asked to stop."""


def read(path: Path) -> Any:
    """The notebook stored at ``path``, or a `CourseError` that says why there is none."""
    try:
        text = path.read_text(encoding="utf-8")
        if not isinstance(json.loads(text), dict):
            raise ValueError("its JSON is no object")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except FileNotFoundError:
        raise CourseError(f"{path} does not exist.") from None
    except OSError as error:
        raise CourseError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, nbformat.ValidationError) as error:
        reason = str(error).strip().split("\n")[0]
        raise CourseError(f"{path} is not a Jupyter notebook: {reason}.") from None
    return notebook


def refresh(
    paths: Sequence[Path],
    *,
    jobs: int,
    on_cell: OnCell = lambda path, done, total: None,
) -> list[Outcome]:
    """Re-execute the notebooks at ``paths``, ``jobs`` at a time, each in a kernel of its own.

    A notebook is written only if all of its cells ran. Cells tagged ``gpu`` keep their stored
    outputs where no GPU is present. ``on_cell(path, done, total)`` is called when a notebook starts
    and after each of its code cells.

    Raises
    ------
    CourseError
        When a path is not a notebook of the course; nothing has run by then.
    """
    work = [_Refresh(path, on_cell) for path in paths]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            return list(pool.map(_Refresh.run, work))
        except KeyboardInterrupt:
            for one in work:
                one.stop()
            raise


class _Refresh:
    def __init__(self, path: Path, on_cell: OnCell) -> None:
        self.path = path
        self.stored = path.read_bytes() if path.is_file() else b""
        self.notebook = read(path)
        self._on_cell = on_cell
        self._stopping = threading.Event()
        root = repository.find_root(path.parent)
        where = path.resolve().relative_to(root).as_posix()
        open_the_course_way(self.notebook, address=repository.address(root), path=where)
        self._current = 0
        self._total = _count_code(self.notebook["cells"])
        self._client = NotebookClient(
            self.notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            store_widget_state=False,
            record_timing=False,
            skip_cells_with_tag="skip-execution" if cuda_present() else GPU_TAG,
            on_cell_start=self._before_cell,
            on_cell_complete=self._after_cell,
            resources={"metadata": {"path": str(path.resolve().parent)}},
        )

    def run(self) -> Outcome:
        self._on_cell(self.path, 0, self._total)
        failure = self._execute()
        if failure:
            return Outcome(self.path, changed=False, problems=[failure])
        normalize(self.notebook)
        if "coursekit" in self.notebook["metadata"]:
            self.notebook["metadata"]["coursekit"]["verified"] = verified_here()
        text = nbformat.writes(self.notebook) + "\n"
        if self.path.read_bytes() != self.stored:
            return Outcome(self.path, False, ["changed while it ran, so it was left alone; rerun"])
        changed = text.encode() != self.stored
        if changed:
            replace_file(self.path, text)
        return Outcome(self.path, changed, problems(self.notebook))

    def stop(self) -> None:
        """Kill the kernel; the cell that runs ends as if the kernel had died."""
        self._stopping.set()
        manager = self._client.km
        process = getattr(getattr(manager, "provisioner", None), "process", None)
        if process is not None:
            process.kill()

    def _execute(self) -> str | None:
        """Run all cells; None when all went well, else one sentence."""
        try:
            self._client.execute(stderr=subprocess.DEVNULL)  # the kernel's own log, not a cell's
        except CellTimeoutError:
            return f"code cell {self._number()} ran longer than {CELL_SECONDS} s and was stopped"
        except CellExecutionError as error:
            message = error.evalue.strip().split("\n")[0]
            return f"code cell {self._number()} failed with {error.ename}: {message}"
        except DeadKernelError:
            return f"the kernel died in code cell {self._number()}"
        except _Stopped:
            return "stopped"
        return None

    def _number(self) -> int:
        return _count_code(self.notebook["cells"][: self._current + 1])

    def _before_cell(self, cell: Any, cell_index: int) -> None:
        if self._stopping.is_set():
            raise _Stopped
        self._current = cell_index

    def _after_cell(self, cell: Any, cell_index: int) -> None:
        if cell["cell_type"] == "code":
            self._on_cell(self.path, self._number(), self._total)


def normalize(notebook: Any) -> None:
    """Bring an executed ``notebook`` into the form that is stored, in place.

    Equal runs give equal bytes: no timing, no widget state, no editor's settings, code cells
    counted from 1, text printed in several pieces joined into one.
    """
    metadata = notebook["metadata"]
    for name in set(metadata) - set(NOTEBOOK_METADATA):
        del metadata[name]
    metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata["language_info"] = {"name": "python"}
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for cell in notebook["cells"]:
        for name in set(cell["metadata"]) - set(CELL_METADATA):
            del cell["metadata"][name]
    for number, cell in enumerate(code, start=1):
        if cell["execution_count"] is not None:
            cell["execution_count"] = number
        cell["outputs"] = _joined_streams(cell["outputs"])
        for output in cell["outputs"]:
            if output["output_type"] == "execute_result":
                output["execution_count"] = cell["execution_count"]


def _count_code(cells: list[Any]) -> int:
    return sum(cell["cell_type"] == "code" for cell in cells)


def _joined_streams(outputs: list[Any]) -> list[Any]:
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output["output_type"] == "stream" and output["name"] == last.get("name"):
            last["text"] += output["text"]
        else:
            joined.append(output)
    return joined
