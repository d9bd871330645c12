"""What is mended in nbval 0.11 while it runs, for the course's notebooks and for grading alike.

`mend` puts `nbval_kernel.MendedKernel` in the place of nbval's kernel, gives a cell the ``stop``
that nbval calls and does not have, and takes back the mark that makes every cell after a time-out
count as neither passed nor failed.
"""

from __future__ import annotations

from typing import Any


def mend() -> None:
    """Mend nbval in this process; may be called again."""
    from nbval import plugin

    from .nbval_kernel import MendedKernel

    plugin.RunningKernel = MendedKernel
    plugin.IPyNbFile.get_kernel_message = _next_output
    plugin.IPyNbCell.stop = _stop_kernel
    plugin.IPyNbCell.setup = _no_mark


def _next_output(self: Any, timeout: float | None = None, stream: str = "iopub") -> Any:
    return self.kernel.next_output(timeout)


def _stop_kernel(self: Any) -> None:
    self.parent.kernel.stop()


def _no_mark(self: Any) -> None:
    """A cell after one that timed out is judged like any other."""
