"""pytest plugin of a grading session: nbval runs the cells, this reports how each of them ended.

One line of JSON goes to ``--outcomes`` for each notebook, as soon as its last cell is done::

    {"notebook": "000.ipynb", "outcomes": [{"grade_id": ..., "status": ..., ...}, ...]}

Nothing in a submission steers the session: tags and comments that nbval obeys are overruled, no
output is compared here, and a message from the kernel is taken for what an attacker may have
written. A cell that kills or blocks its kernel costs that cell: a fresh kernel replays the cells
that had ended by themselves, and the notebook goes on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from dataclasses import asdict
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from ..notebooks.nbval_kernel import DIED, FLOODED, TIMED_OUT, KernelDiedError, MendedKernel
from ..notebooks.nbval_mends import mend
from . import emission
from .guarding import OUT_OF_MEMORY
from .records import CRASH, EXCEPTION, FLOOD, MEMORY, NOT_RUN, RAN, TIMEOUT, CellOutcome

NO_KERNEL = 70
"""Exit code of a session in which no kernel could be started."""
LONGEST_MESSAGE = 500
TROUBLES = {TIMED_OUT: TIMEOUT, DIED: CRASH, FLOODED: FLOOD}
SENTENCES = {
    TIMEOUT: "stopped after {seconds:g} seconds",
    CRASH: "the process that ran it ended",
    MEMORY: "stopped, because it took too much memory",
    FLOOD: "stopped, because it put out too much",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that `running` sets."""
    group = parser.getgroup("grading")
    group.addoption("--outcomes", type=Path, help="file or pipe for a line a notebook")
    group.addoption("--seconds-notebook", type=float, default=600.0)
    group.addoption("--emitted-bytes", type=int, default=8_000_000)


def pytest_configure(config: pytest.Config) -> None:
    """Mend nbval and register the hooks below."""
    mend()
    MendedKernel.kept_bytes = config.getoption("emitted_bytes")
    config.pluginmanager.register(_Session(config), "grading-session")


class _Session:
    def __init__(self, config: pytest.Config) -> None:
        self._seconds_cell: float = config.getoption("nbval_cell_timeout")
        self._seconds_notebook: float = config.getoption("seconds_notebook")
        self._emitted_bytes: int = config.getoption("emitted_bytes")
        self._to = config.getoption("outcomes").open("a", encoding="utf-8")
        self._start_notebook()

    def _start_notebook(self) -> None:
        self._outcomes: list[CellOutcome] = []
        self._replayable: list[str] = []
        self._began = time.monotonic()

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        for item in items:
            item.options = {"check": False, "check_exception": False, "skip": False}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Any) -> Generator[None, object, object]:
        done = yield
        if nextitem is None or nextitem.parent is not item.parent:
            line = {
                "notebook": item.path.name,
                "outcomes": [asdict(outcome) for outcome in self._outcomes],
            }
            self._to.write(json.dumps(line) + "\n")
            self._to.flush()
            self._start_notebook()
        return done

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: Any) -> Generator[None, None, None]:
        if time.monotonic() - self._began > self._seconds_notebook:
            self._note(item, NOT_RUN, "the time for this notebook was over")
            item.runtest = lambda: None
            return (yield)
        failure: BaseException | None = None
        try:
            self._revive(item.parent)
        except (OSError, RuntimeError) as error:
            pytest.exit(f"no kernel: {error}", returncode=NO_KERNEL)
        try:
            yield
        except pytest.exit.Exception:
            raise
        except Exception as error:
            failure = error
        self._judge(item, failure)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A notebook whose kernel does not start is nobody's zero: the session ends."""
        if report.when == "setup" and report.failed:
            pytest.exit(f"no kernel: {report.longreprtext[-500:]}", returncode=NO_KERNEL)

    def _judge(self, item: Any, failure: BaseException | None) -> None:
        outputs, item.test_outputs = item.test_outputs or [], None
        trouble = item.parent.kernel.current.trouble
        emitted = emission.collect(outputs, at_most=self._emitted_bytes)
        errors = [output for output in outputs if output["output_type"] == "error"]
        if trouble:
            status = TROUBLES[trouble]
            if getattr(item.parent.kernel.provisioner, "ended", 0) == OUT_OF_MEMORY:
                status = MEMORY
            self._note(item, status, SENTENCES[status].format(seconds=self._seconds_cell), emitted)
            item.parent.kernel.answers()
            return
        self._replayable.append(item.cell.source)
        if errors:
            name, value = errors[-1]["ename"], errors[-1]["evalue"]
            status = MEMORY if _is_memory(name, value) else EXCEPTION
            self._note(item, status, f"{name}: {value}", emitted)
        elif failure is not None:
            self._note(item, CRASH, str(failure), emitted)
        else:
            self._note(item, RAN, "", emitted)

    def _note(
        self, item: Any, status: str, message: str, emitted: dict[int, Any] | None = None
    ) -> None:
        grade_id = item.cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id:
            message = message[:LONGEST_MESSAGE]
            self._outcomes.append(CellOutcome(grade_id, status, emitted or {}, message))

    def _revive(self, notebook: Any) -> None:
        """Give ``notebook`` a kernel in the state its last cells left, if its own is gone.

        A cell after which a kernel answers no more is found here, and not replayed again.
        """
        while notebook.kernel is None or not notebook.kernel.is_alive():
            if notebook.kernel is not None:
                notebook.kernel.stop()
            notebook.setup()
            for source in self._replayable:
                if not self._replays(notebook.kernel, source):
                    self._replayable.remove(source)
                    notebook.kernel.stop()
                    break

    def _replays(self, kernel: Any, source: str) -> bool:
        request = kernel.execute_cell_input(source, allow_stdin=False)
        try:
            kernel.await_reply(request, timeout=self._seconds_cell)
        except (Empty, KernelDiedError):
            return False
        return bool(kernel.answers())


def _is_memory(name: str, value: str) -> bool:
    return "MemoryError" in name or "can't allocate memory" in value
