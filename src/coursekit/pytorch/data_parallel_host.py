"""The process between a notebook and its ranks: imports torch once, forks, watches, reports.

Started by `data_parallel_launch.run_ranks` as ``python -m coursekit.pytorch.data_parallel_host``.
It runs no operation of torch, so it has a single thread and may be forked; importing torch here
and not in each rank saves seconds. Everything it and the ranks know arrives in one folder.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import multiprocessing
import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path

import torch
import torch.distributed as dist

GRACE = 1.0
"""Seconds in which the others may still report after one rank failed."""

IN_VAIN = ("timed out", "timeout")
CUT_OFF = ("connection closed", "connection reset", "broken pipe")


@dataclass(frozen=True)
class Report:
    """How one rank ended: with a result, an error, or (``error`` is "died") without a word."""

    when: float
    result: bytes = b""
    said: str = ""
    error: str = ""
    traceback: str = ""

    def sounds_like(self, signs: tuple[str, ...]) -> bool:
        """Whether its error is one that another rank caused."""
        return any(sign in self.error.lower() for sign in signs)


def diagnose(
    reports: Mapping[int, Report], world_size: int, *, timeout: float, patience: float
) -> str:
    """Say which rank is to blame and what to do; empty when all returned.

    A rank that dies or raises takes the others with it: they see a closed connection or wait in
    vain. So the cause is a death, then the earliest error that no other rank explains.
    """
    silent = [rank for rank in range(world_size) if rank not in reports]
    failed = {rank: report for rank, report in reports.items() if report.error}
    if not failed and not silent:
        return ""
    for rank, report in failed.items():
        if report.error.startswith("died"):
            return (
                f"rank {rank} of {world_size} {report.error}, without returning; the others were "
                "stopped. If nothing was printed, look for too little memory."
            )
    own = {
        r: f for r, f in failed.items() if not f.sounds_like(CUT_OFF) and not f.sounds_like(IN_VAIN)
    }
    if own:
        rank = min(own, key=lambda one: own[one].when)
        return f"rank {rank} of {world_size} raised {own[rank].error}; the others were stopped."
    if not failed:
        return f"{_ranks(silent, world_size)} did not return within {timeout:g} s; stopped."
    waited = f"{_ranks(list(failed), world_size)} waited {patience:g} s in a collective"
    if silent:
        return f"{waited} for {_ranks(silent, world_size)}, which hangs or is too slow; stopped."
    returned = [rank for rank, report in reports.items() if not report.error]
    if returned:
        return (
            f"{waited}, but {_ranks(returned, world_size)} had already returned; every rank must "
            "make the same collective calls (same number of batches?)."
        )
    return f"{waited} for each other; every rank must make the same collective calls, in order."


def _ranks(ranks: list[int], world_size: int) -> str:
    name = "rank" if len(ranks) == 1 else "ranks"
    return f"{name} {', '.join(map(str, sorted(ranks)))} of {world_size}"


def main(folder: Path) -> None:
    """Run the job that lies in ``folder`` and write its outcome there."""
    job = pickle.loads((folder / "job").read_bytes())
    if b"torch.nn.parallel" in (folder / "call").read_bytes():
        importlib.import_module("torch._dynamo")  # else each rank does so, for most of a second
    reports = _watch(folder, **job)
    problem = diagnose(reports, **job)
    note = next((r.traceback for k, r in reports.items() if problem.startswith(f"rank {k} ")), "")
    ordered = [reports[rank] for rank in sorted(reports)]
    said = "".join(report.said for report in ordered)
    outcome = problem, note, said, [report.result for report in ordered]
    (folder / "outcome.part").write_bytes(pickle.dumps(outcome))
    (folder / "outcome.part").rename(folder / "outcome")


def _watch(folder: Path, world_size: int, timeout: float, patience: float) -> dict[int, Report]:
    """Fork the ranks, collect their reports, and stop waiting soon after the first failure."""
    context = multiprocessing.get_context("fork")
    notebook = os.dup(0)  # standard input ends when the notebook does, however it ends
    ranks: dict[Connection, tuple[int, ForkProcess]] = {}
    for rank in range(world_size):
        here, there = context.Pipe()
        known = rank, world_size, patience, folder, there, notebook
        process = context.Process(target=_rank, args=known)
        process.start()
        there.close()  # so that the pipe ends when the rank does
        ranks[here] = rank, process
    reports: dict[int, Report] = {}
    open_pipes, until = set(ranks), time.monotonic() + timeout
    while open_pipes and time.monotonic() < until:
        for pipe in wait([*open_pipes, notebook], timeout=max(0.0, until - time.monotonic())):
            if not isinstance(pipe, Connection):
                os._exit(1)  # the ranks listen as well
            open_pipes.discard(pipe)
            rank, process = ranks[pipe]
            reports[rank] = report = _received(pipe, process)
            if report.error:  # whoever waits too will say so after its own patience
                more = GRACE + (patience if report.sounds_like(IN_VAIN) else 0.0)
                until = min(until, time.monotonic() + more)
    if not open_pipes and not any(report.error for report in reports.values()):
        for pipe in ranks:
            pipe.send("all have returned")
        for _, process in ranks.values():
            process.join(patience)
    for _, process in ranks.values():
        process.kill()
    return reports


def _received(pipe: Connection, process: ForkProcess) -> Report:
    try:
        report: Report = pipe.recv()
    except (EOFError, OSError):
        process.join()
        code = process.exitcode or 0
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return Report(time.monotonic(), error=f"died: it {how}")
    return report


def _rank(
    rank: int, world_size: int, patience: float, folder: Path, pipe: Connection, notebook: int
) -> None:
    """Be one rank. No rank leaves before all have returned, else gloo may abort the others."""
    threading.Thread(target=_leave_with, args=(notebook,), daemon=True).start()
    said = io.StringIO()
    try:
        import cloudpickle

        torch.set_num_threads(1)
        dist.init_process_group(
            "gloo",
            init_method=f"file://{folder / 'store'}",
            rank=rank,
            world_size=world_size,
            timeout=timedelta(seconds=patience),
        )
        function, args = cloudpickle.loads((folder / "call").read_bytes())
        with contextlib.redirect_stdout(said):
            result = cloudpickle.dumps(function(rank, world_size, *args))
        gc.collect()  # a model in DistributedDataParallel must be gone before the group is
        report = Report(time.monotonic(), result, said.getvalue())
    except BaseException as error:
        told = f"{type(error).__name__}: {error}".split("\n")[0]
        report = Report(time.monotonic(), b"", said.getvalue(), told, traceback.format_exc())
    pipe.send(report)
    pipe.recv()
    dist.destroy_process_group()


def _leave_with(notebook: int) -> None:
    """End this process when the other end of the pipe ``notebook`` is closed."""
    with contextlib.suppress(OSError):
        os.read(notebook, 1)
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
