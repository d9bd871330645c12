"""Run the notebooks of strangers through nbval, each in a kernel of its own, and say how they end.

One pytest session serves many notebooks, because starting is most of the time. ``jobs`` sessions
run side by side. A session that dies is started again with the notebooks it had left.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import Any

import nbformat

from ..errors import CourseError
from . import isolation as ways
from .limits import Limits
from .nbval_cells import NO_KERNEL
from .provisioner import IMPORTS, Settings
from .records import CRASH, CellOutcome

OnDone = Callable[[str], None]


def run(
    notebooks: Mapping[str, Any],
    *,
    isolation: str = "auto",
    limits: Limits = Limits(),  # noqa: B008  (frozen)
    jobs: int = 1,
    on_done: OnDone = lambda name: None,
) -> Iterator[tuple[str, list[CellOutcome]]]:
    """Run ``notebooks`` (name to notebook node) and yield each as soon as it is done.

    A notebook's outcomes are those of its code cells that have a ``grade_id``, in order.
    ``on_done(name)`` is called after each. Whatever a notebook does, it is yielded once.

    Raises
    ------
    CourseError
        When the ``isolation`` asked for cannot be had, or no session can be started.
    """
    empty = [name for name in notebooks if not _code_cells(notebooks[name])]
    yield from ((name, []) for name in empty)
    notebooks = {name: one for name, one in notebooks.items() if name not in empty}
    if not notebooks:
        return
    folder = Path(tempfile.mkdtemp(prefix="batch-by-batch-"))
    names = {f"{number:06d}.ipynb": name for number, name in enumerate(notebooks)}
    try:
        for file, name in names.items():
            _write(folder / file, notebooks[name])
        shares = [list(names)[start::jobs] for start in range(min(jobs, len(names)))]
        environment = _environment(isolation, limits, _imports(notebooks))
        sessions = [_Session(folder, share, limits, environment) for share in shares]
        try:
            for file, outcomes in _all_done(sessions):
                yield names[file], outcomes
                on_done(names[file])
        finally:
            for session in sessions:
                session.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _imports(notebooks: Mapping[str, Any]) -> tuple[str, ...]:
    """The packages that are worth importing once for all, because some notebook names them."""
    named = json.dumps([cell["source"] for one in notebooks.values() for cell in one["cells"]])
    return tuple(name for name in IMPORTS if name.partition(".")[0] in named)


def _environment(wanted: str, limits: Limits, imports: tuple[str, ...]) -> dict[str, str]:
    """The environment of a session, in which its kernels start as ``wanted``."""
    own = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    chosen = ways.choose(wanted)
    if not sys.platform.startswith("linux"):
        return own  # no zygote there; jupyter_client starts the kernels
    settings = Settings(isolation=chosen.name, bounds=ways.bounds(limits), imports=imports)
    return own | settings.to_environment()


def _write(path: Path, notebook: Any) -> None:
    """Store ``notebook`` as nbval wants it: no output, so nothing of it is compared."""
    stored = nbformat.from_dict(json.loads(json.dumps(notebook)))
    for cell in stored.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    path.write_text(json.dumps(stored), encoding="utf-8")


def _all_done(sessions: list[_Session]) -> Iterator[tuple[str, list[CellOutcome]]]:
    with DefaultSelector() as selector:
        for session in sessions:
            selector.register(session.start(), EVENT_READ, session)
        while selector.get_map():
            for key, _ in selector.select():
                session = key.data
                yield from session.read()
                if session.ended:
                    selector.unregister(key.fileobj)
                    yield from session.given_up()
                    if session.left:
                        selector.register(session.start(), EVENT_READ, session)


class _Session:
    """A pytest process, the notebooks it still has to run, and the pipe it reports through."""

    def __init__(
        self, folder: Path, files: list[str], limits: Limits, environment: dict[str, str]
    ) -> None:
        self.left = files
        self.ended = False
        self._folder = folder
        self._limits = limits
        self._environment = environment
        self._tries, self._any_done = 0, False
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._text = b""

    def start(self) -> int:
        """Start the process; return the end of the pipe to read from."""
        self._pipe, write = os.pipe()
        os.set_blocking(self._pipe, False)
        self.ended, self._text = False, b""
        log = (self._folder / "session.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                self._command(write),
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[write],
                start_new_session=True,
            )
        os.close(write)
        return self._pipe

    def _command(self, write: int) -> list[str]:
        limits = self._limits
        return [
            *(sys.executable, "-m", "pytest", "--quiet", "--noconftest", "-p", "no:cacheprovider"),
            *("-c", os.devnull, "--rootdir", str(self._folder), "--tb=line", "--capture=no"),
            *("-p", "nbval.plugin", "-p", "coursekit.grading.nbval_cells"),
            *("--nbval", "--nbval-current-env", f"--nbval-cell-timeout={limits.seconds_cell}"),
            f"--outcomes=/dev/fd/{write}",
            f"--seconds-notebook={limits.seconds_notebook}",
            f"--emitted-bytes={limits.emitted_bytes}",
            *self.left,
        ]

    def read(self) -> Iterator[tuple[str, list[CellOutcome]]]:
        """What came through the pipe: notebooks that are done."""
        chunk = os.read(self._pipe, 1 << 20)
        if not chunk:
            self.ended = True
            self.stop()
            return
        *lines, self._text = (self._text + chunk).split(b"\n")
        for line in lines:
            done = json.loads(line)
            self.left.remove(done["notebook"])
            self._tries, self._any_done = 0, True
            yield done["notebook"], [_outcome(one) for one in done["outcomes"]]

    def given_up(self) -> Iterator[tuple[str, list[CellOutcome]]]:
        """After the end: the notebook that ended a session twice, its cells all as crashed."""
        if not self.left:
            return
        self._tries += 1
        if self._tries == 1:
            return
        log = (self._folder / "session.log").read_text(encoding="utf-8", errors="replace")
        assert self._process is not None
        if self._tries > 2 or (self._process.returncode == NO_KERNEL and not self._any_done):
            raise CourseError(f"no grading session could be run; its last words: {log[-800:]}")
        file = self.left.pop(0)
        notebook = json.loads((self._folder / file).read_text(encoding="utf-8"))
        yield (
            file,
            [
                CellOutcome(
                    cell["metadata"]["nbgrader"]["grade_id"], CRASH, {}, "it ended the grader"
                )
                for cell in notebook["cells"]
                if cell["cell_type"] == "code"
                and cell["metadata"].get("nbgrader", {}).get("grade_id")
            ],
        )

    def stop(self) -> None:
        """End the process, and close the pipe; may be called again."""
        if self._pipe >= 0 and self._process is not None:
            self._process.terminate() if not self.ended else None
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            os.close(self._pipe)
            self._pipe = -1


def _outcome(stored: dict[str, Any]) -> CellOutcome:
    emitted = {int(number): value for number, value in stored.pop("emitted").items()}
    return CellOutcome(**stored, emitted=emitted)
