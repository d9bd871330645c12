"""pytest plugin: what ``pytest --nbval`` needs to judge the course's notebooks.

Does nothing without ``--nbval``, and nothing to notebooks without ``coursekit`` metadata. For the
others:

- one more test a notebook, ``rules``: `coursekit.notebooks.problems` finds none;
- cells tagged ``gpu`` run where CUDA is present, and are skipped with the reason elsewhere;
- text, printed output and claims are compared strictly; pictures and HTML are not, because the
  same picture has different bytes on another machine. What a picture shows is compared all the
  same: the rules demand a text/plain beside it that is computed from the data it draws;
- nbval's own weak spots are mended (`coursekit.notebooks.nbval_mends`): among others, a kernel that
  died is noticed within a second, not at the end of the time allowed for a cell;
- the seconds each notebook took are reported beside those it promises its readers;
- with ``--nbval-fork``, on Linux, kernels are forked from a process that has imported NumPy,
  PyTorch and Matplotlib once; elsewhere the option does nothing.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .notebooks.nbval_mends import mend

NOT_COMPARED = ("image/svg+xml", "text/html")  # nbval itself leaves out PNG and JPEG
PROMISED = "coursekit_seconds_promised"
NO_GPU = "needs a GPU, and PyTorch finds no CUDA device here; its stored output is of the last run"


FORKING = "coursekit-zygote"
"""Name of the entry point of `coursekit.grading.provisioner`, which jupyter_client looks up."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--nbval-fork``."""
    parser.getgroup("nbval").addoption(
        "--nbval-fork",
        action="store_true",
        help="fork kernels from a process that has imported NumPy and PyTorch; Linux only",
    )


def pytest_configure(config: pytest.Config) -> None:
    """With ``--nbval``: register the hooks below."""
    if config.getoption("nbval", False) or config.getoption("nbval_lax", False):
        config.pluginmanager.register(_CourseNotebooks(config), "coursekit-notebooks")


class _CourseNotebooks:
    """The hooks of one pytest run with ``--nbval``."""

    def __init__(self, config: pytest.Config) -> None:
        config.addinivalue_line("markers", "gpu: a notebook cell that needs a CUDA device")
        if config.getoption("dist", "no") in ("load", "worksteal"):
            config.option.dist = "loadfile"  # the cells of a notebook share a kernel
        mend()
        if config.getoption("nbval_fork") and sys.platform == "linux":
            from .notebooks.nbval_kernel import MendedKernel

            MendedKernel.provisioner_name = FORKING
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._promised: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        if file_path.suffix == ".ipynb" and _is_of_the_course(file_path):
            collector: pytest.Collector = _Rules.from_parent(parent, path=file_path)
            return collector
        return None

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        if type(collector).__name__ == "IPyNbFile" and _is_of_the_course(collector.path):
            collector.skip_compare += NOT_COMPARED  # type: ignore[attr-defined]

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        from .notebooks.gpu import GPU_TAG, cuda_present

        for item in _cells(items):
            details = item.parent.nb.metadata.get("coursekit")
            if details is None:
                continue
            item.user_properties.append((PROMISED, details.get("seconds_run", 0)))
            if GPU_TAG in item.cell.metadata.get("tags", ()):
                item.add_marker(pytest.mark.gpu)
                if not cuda_present():
                    item.add_marker(pytest.mark.skip(reason=NO_GPU))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        promised = dict(report.user_properties).get(PROMISED)
        if promised is not None:
            notebook = report.nodeid.partition("::")[0]
            self._seconds[notebook] += report.duration
            self._promised[notebook] = float(str(promised))

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self._seconds:
            return
        terminalreporter.section("seconds a notebook took, and promises")
        for notebook, seconds in sorted(self._seconds.items()):
            promised = self._promised[notebook]
            over = seconds > promised
            terminalreporter.write_line(
                f"{seconds:6.1f} of {promised:3.0f}  {notebook}{'  over its budget' * over}",
                yellow=over,
            )


class _Rules(pytest.File):
    """Collects the one test that a stored notebook keeps the rules."""

    def collect(self) -> Iterator[pytest.Item]:
        yield _RulesItem.from_parent(self, name="rules")


class _RulesItem(pytest.Item):
    def runtest(self) -> None:
        from .notebooks import problems

        found = problems(json.loads(self.path.read_text(encoding="utf-8")))
        if found:
            pytest.fail("\n".join(f"{self.path.name}: {what}." for what in found), pytrace=False)

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"{self.path.name}::rules"


def _is_of_the_course(path: Path) -> bool:
    try:
        return "coursekit" in json.loads(path.read_text(encoding="utf-8"))["metadata"]
    except (OSError, ValueError, KeyError, TypeError):
        return False  # nbval says what is wrong with it


def _cells(items: list[pytest.Item]) -> Iterator[Any]:
    return (item for item in items if type(item).__name__ == "IPyNbCell")
