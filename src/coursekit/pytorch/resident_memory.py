"""A second witness for activations: how much memory the operating system says the process has.

Counting tensors could be wrong about what PyTorch really holds. So a process of its own runs the
same steps and asks the kernel for its resident memory, before and after each forward pass and at
its highest in a step.

Run as ``python -m coursekit.pytorch.resident_memory`` this module is that process: it reads a
pickled call from its standard input and writes JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from ..errors import CourseError, MissingPackageError
from .throughput import Loss, training_step

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")

Parts = tuple[nn.Module, Loss, Callable[[int], Any]]
"""A model, ``loss(model, batch)`` and ``make_batch(batch_size)``."""


class Resident(NamedTuple):
    """Bytes of resident memory above what the process had just before the step."""

    after_forward: int
    highest: int


def resident_bytes(make_parts: Callable[[], Parts], batch_sizes: Sequence[int]) -> list[Resident]:
    """Measure training steps in a fresh process; one result for each batch size, on one thread.

    Memory comes in pages of 4096 bytes, so sizes should make megabytes. ``make_parts`` may be
    defined in a notebook; it runs in the other process.

    Raises
    ------
    MissingPackageError
        When cloudpickle, which carries the function to the other process, is not installed.
    CourseError
        Where there is no Linux kernel to ask, or a step failed.
    """
    try:
        import cloudpickle
    except ImportError:
        raise MissingPackageError(
            "resident_bytes needs cloudpickle: pip install cloudpickle"
        ) from None
    if not CLEAR.exists():
        raise CourseError("resident memory is read from /proc/self, which only Linux has.")
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    exact = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # tensors go back to the kernel when they are freed
    done = subprocess.run(
        [sys.executable, "-m", "coursekit.pytorch.resident_memory"],
        input=cloudpickle.dumps((make_parts, list(batch_sizes))),
        capture_output=True,
        env={**os.environ, **one_thread, **exact},
    )
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise CourseError(f"the steps could not be measured: {reason}")
    return [Resident(*sizes) for sizes in json.loads(done.stdout.rpartition(b"\n")[2])]


def _kilobytes(name: str) -> int:
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _measure(make_parts: Callable[[], Parts], batch_sizes: Sequence[int]) -> list[Resident]:
    model, loss, make_batch = make_parts()
    training_step(model, loss)(make_batch(1))  # whatever is loaded once
    found = []
    for size in batch_sizes:
        batch = make_batch(size)
        CLEAR.write_text("5")  # highest := what there is now
        before = _kilobytes("VmRSS")
        value = loss(model, batch)
        after_forward = _kilobytes("VmRSS") - before
        value.backward()  # type: ignore[no-untyped-call]
        model.zero_grad()
        found.append(Resident(after_forward * 1024, (_kilobytes("VmHWM") - before) * 1024))
    return found


if __name__ == "__main__":
    import cloudpickle

    json.dump(_measure(*cloudpickle.load(sys.stdin.buffer)), sys.stdout)
