"""What a guard sees of the processes below it, and how it leaves none. Linux, standard library."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable

OUT_OF_MEMORY = 1000
"""How a kernel ended that held, with all it started, more memory than it may."""


def descendants(roots: Iterable[int]) -> list[int]:
    """The processes below ``roots``, as far as this process may see them."""
    found: list[int] = []
    left = list(roots)
    while left:
        with contextlib.suppress(OSError):
            pid = left.pop()
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                    below = [int(one) for one in children.read().split()]
                found += below
                left += below
    return found


def memory(roots: Iterable[int]) -> int:
    """Bytes of memory that the processes below ``roots`` hold, a shared page counted once."""
    pids = descendants(roots)
    resident = sum(_resident(pid) for pid in pids)
    if len(pids) < 2 or resident < 1 << 30:
        return resident  # the exact sum below is slow, and never larger
    return sum(_proportional(pid) for pid in pids)


def end_descendants() -> None:
    """Kill all processes below this one, which has to be their subreaper, until none is left."""
    while True:
        for pid in descendants([os.getpid()]):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _resident(pid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _proportional(pid: int) -> int:
    with (
        contextlib.suppress(OSError),
        open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup,
    ):
        for line in rollup:
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)
