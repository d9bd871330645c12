"""What is mended in nbval 0.11 while it runs, for the course's notebooks and for grading alike.

`mend` puts `nbval_kernel.MendedKernel` in the place of nbval's kernel, gives a cell the ``stop``
that nbval calls and does not have, takes back the mark that makes every cell after a time-out count
as neither passed nor failed, and compares as `nbval_comparing` says. A cell that timed out, or put
out too much, says so whatever its kernel did about it.
"""

from __future__ import annotations

from typing import Any


def mend() -> None:
    """Mend nbval in this process; may be called again."""
    from nbval import plugin

    from . import nbval_comparing
    from .nbval_kernel import MendedKernel

    if plugin.RunningKernel is MendedKernel:
        return
    plugin.RunningKernel = MendedKernel
    plugin.IPyNbFile.get_kernel_message = _next_output
    plugin.IPyNbCell.stop = _stop_kernel
    plugin.IPyNbCell.setup = _no_mark
    plugin.IPyNbCell.compare_exactly = plugin.IPyNbCell.compare_outputs
    plugin.IPyNbCell.compare_outputs = nbval_comparing.compare
    plugin.IPyNbCell.run_unmended = plugin.IPyNbCell.runtest
    plugin.IPyNbCell.runtest = _run


def _next_output(self: Any, timeout: float | None = None, stream: str = "iopub") -> Any:
    return self.kernel.next_output(timeout)


def _stop_kernel(self: Any) -> None:
    self.parent.kernel.stop()


def _no_mark(self: Any) -> None:
    """A cell after one that timed out is judged like any other."""


def _run(self: Any) -> None:
    """Run the cell. What went wrong with its kernel is what is said of it."""
    from .nbval_comparing import NOT_COMPARED, was_skipped_silently
    from .nbval_kernel import SENTENCES, KernelDiedError

    kernel = self.parent.kernel
    if not kernel.is_alive() and not self.options["skip"]:
        self.raise_cell_error("not run: the kernel ended with an earlier cell")
    try:
        self.run_unmended()
    except KernelDiedError:
        raise
    except Exception:
        trouble = kernel.current.trouble
        if trouble in SENTENCES:
            seconds = self.config.option.nbval_cell_timeout
            self.raise_cell_error(SENTENCES[trouble].format(seconds=seconds))
        raise
    if "coursekit" in self.parent.nb.metadata and was_skipped_silently(self):
        self.raise_cell_error(NOT_COMPARED)
