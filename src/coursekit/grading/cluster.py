"""The same grading on a Dask cluster: notebooks go out as tasks, outcomes come back.

The scheduler gives a dead worker's tasks to another one, and the one who asked keeps each outcome
as it comes, under a name that only the notebook determines. So nothing is lost, and nothing counts
twice. Workers need coursekit and the same packages; they need no shared disk.
"""

from __future__ import annotations

import json
import math
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from ..errors import CourseError, MissingPackageError
from . import isolation, running, store
from .isolation import Isolation
from .limits import Limits
from .records import CellOutcome

SECONDS_TO_ANSWER = 10
LARGEST_SHARE = 8
"""Notebooks in one task. They share the start of a session, which takes longer than they do, and
are lost and run again together."""


def choose(address: str, wanted: str) -> Isolation:
    """The isolation that ``wanted`` gives on the workers at ``address``, the same on all.

    Raises
    ------
    CourseError
        When the cluster does not answer, has no worker, its workers differ from this machine in
        the versions of what runs, or from each other in the isolation that they can give.
    """
    with _client(address) as client:
        versions = client.run(store.version_of_what_runs)
        for worker, version in versions.items():
            if version != store.version_of_what_runs():
                raise CourseError(
                    f"worker {worker} has other versions of Python, coursekit or its packages than "
                    "this machine, so its results could differ; install the same ones there."
                )
        found = client.run(isolation.choose, wanted)
    if len(set(found.values())) > 1:
        names = ", ".join(f"{worker} {one.name}" for worker, one in sorted(found.items()))
        raise CourseError(
            f"the workers can keep submissions apart in different ways ({names}); make them alike, "
            "or name the one to use."
        )
    chosen: Isolation = next(iter(found.values()))
    return chosen


def run(
    notebooks: Mapping[str, Any], *, address: str, isolation: str, limits: Limits
) -> Iterator[tuple[str, list[CellOutcome]]]:
    """Like `running.run`, on the workers of the scheduler at ``address``.

    Raises
    ------
    CourseError
        When the cluster does not answer or has no worker, or a task failed on every worker.
    """
    from distributed import KilledWorker, as_completed

    texts = [(name, json.dumps(notebook)) for name, notebook in notebooks.items()]
    with _client(address) as client:
        threads = sum(client.nthreads().values())
        size = min(LARGEST_SHARE, math.ceil(len(texts) / (2 * threads)))
        shares = [texts[start : start + size] for start in range(0, len(texts), size)]
        tasks = client.map(_run_share, shares, isolation=isolation, limits=limits, pure=False)
        try:
            for task in as_completed(tasks, loop=client.loop):  # type: ignore[no-untyped-call]
                for name, outcomes in task.result():
                    yield name, [_outcome(one) for one in outcomes]
        except KilledWorker as error:
            raise CourseError(
                f"every worker that was given a share of the notebooks ended ({error}); what was "
                "graded is kept, and the same command goes on from there."
            ) from None
        finally:
            client.cancel(tasks)


def _run_share(
    share: list[tuple[str, str]], isolation: str, limits: Limits
) -> list[tuple[str, list[dict[str, Any]]]]:
    """On a worker: run a few notebooks; plain data comes back."""
    notebooks = {name: json.loads(text) for name, text in share}
    return [
        (name, [asdict(outcome) for outcome in outcomes])
        for name, outcomes in running.run(notebooks, isolation=isolation, limits=limits)
    ]


def _outcome(plain: dict[str, Any]) -> CellOutcome:
    return CellOutcome(**plain)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
        from distributed.comm.addressing import parse_host_port
    except ImportError:
        raise MissingPackageError(
            "grading on a cluster needs the package distributed, which is not installed; install "
            "the extra 'cluster'."
        ) from None
    try:
        host, port = parse_host_port(address.partition("://")[2] or address)
        socket.create_connection((host, port), SECONDS_TO_ANSWER).close()
        client = Client(  # type: ignore[no-untyped-call]
            address, timeout=SECONDS_TO_ANSWER, set_as_default=False
        )
    except (OSError, ValueError) as error:
        raise CourseError(
            f"no Dask scheduler answers at {address!r} ({type(error).__name__}); start one with "
            "'dask scheduler', or leave out --scheduler."
        ) from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SECONDS_TO_ANSWER)
        except TimeoutError:
            raise CourseError(
                f"the scheduler at {address!r} has no worker; start one with "
                f"'dask worker {address}'."
            ) from None
        yield client
