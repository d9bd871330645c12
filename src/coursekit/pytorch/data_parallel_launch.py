"""Run a function in several real processes that talk to each other, from a notebook.

    >>> from coursekit.pytorch.data_parallel_launch import run_ranks
    >>> def greet(rank, world_size):
    ...     return f"rank {rank} of {world_size}"
    >>> run_ranks(greet, 2)  # doctest: +SKIP
    ['rank 0 of 2', 'rank 1 of 2']

A script is started by ``python -m torch.distributed.run``; this is for cells. It keeps two promises
that a notebook needs. *The start is safe*: a notebook has threads, and a process that is forked
beside threads may hang; so one fresh process imports torch, runs nothing, and is forked into the
ranks (`data_parallel_host`). *Nothing stays behind*: whatever fails, here or there, every process
is gone when `run_ranks` returns or raises, and also when the notebook itself is killed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import CourseError, MissingPackageError

START_UP = 120.0
"""Seconds that a fresh process may need to import torch, on a machine that has much else to do."""


def run_ranks(
    function: Callable[..., Any],
    world_size: int,
    *args: Any,
    timeout: float = 60.0,
    patience: float = 10.0,
) -> list[Any]:
    """Call ``function(rank, world_size, *args)`` in ``world_size`` processes; return their results.

    In each process the gloo backend of `torch.distributed` is ready to use, on one thread and on
    the CPU. The function may be defined in a cell: it travels by value with what it refers to, and
    so do its arguments and results. What a rank prints is printed here, rank after rank.

    Parameters
    ----------
    world_size
        How many ranks, K.
    timeout
        Seconds until every rank must have returned, counted from the moment they start.
    patience
        Seconds that a rank waits for the others in one collective.

    Raises
    ------
    CourseError
        When a rank raises, dies or hangs, or returns while others wait for it. The message names
        it; the traceback of a rank that raised is attached as a note.
    MissingPackageError
        When cloudpickle, which carries a cell's function to another process, is not installed.
    """
    if isinstance(world_size, bool) or not isinstance(world_size, int) or world_size < 1:
        raise CourseError(f"world_size={world_size!r}; it counts processes: use 1, 2, 4, ...")
    if not hasattr(os, "fork"):
        raise CourseError("ranks are forked, which Windows cannot; use WSL, or open it on Colab.")
    try:
        import cloudpickle
    except ImportError:
        raise MissingPackageError("run_ranks needs cloudpickle: pip install cloudpickle.") from None
    with tempfile.TemporaryDirectory(prefix="ranks-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        job = {"world_size": world_size, "timeout": timeout, "patience": patience}
        (folder / "job").write_bytes(pickle.dumps(job))
        (folder / "call").write_bytes(cloudpickle.dumps((function, args)))
        _run_host(folder, timeout + patience + START_UP)
        outcome = folder / "outcome"
        if not outcome.exists():
            output = (folder / "output").read_text("utf-8", "replace").strip()
            raise CourseError(
                f"the ranks could not be started. The last words were: {output[-600:]}"
            )
        problem, note, said, results = pickle.loads(outcome.read_bytes())
        print(said, end="")
        if problem:
            error = CourseError(problem)
            if note:
                error.add_note(note)
            raise error
        return [cloudpickle.loads(result) for result in results]


def _run_host(folder: Path, at_most: float) -> None:
    """Start the host process, wait for it, and see to it that its whole family is gone."""
    environment = dict(os.environ, OMP_NUM_THREADS="1", PYTHONPATH=os.pathsep.join(sys.path))
    loopback = {"lo", "lo0"} & {name for _, name in socket.if_nameindex()}
    if loopback:  # the ranks are on this machine: need no network, and no name of this machine
        environment["GLOO_SOCKET_IFNAME"] = loopback.pop()
    with (folder / "output").open("wb") as output:
        host = subprocess.Popen(
            [sys.executable, "-m", "coursekit.pytorch.data_parallel_host", str(folder)],
            stdin=subprocess.PIPE,  # never written to: it closes when this process ends
            stdout=output,
            stderr=output,
            env=environment,
            start_new_session=True,  # a process group of its own, and no interrupt from a notebook
        )
    try:
        host.wait(at_most)
    except subprocess.TimeoutExpired:
        raise CourseError(
            f"the ranks were not done after {at_most:.0f} s and were stopped; give them more "
            "time (timeout=), or look whether this machine is overloaded."
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(host.pid, signal.SIGKILL)
        host.wait()
        if host.stdin is not None:
            host.stdin.close()
