"""What a submission may use up while it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds for one submission.

    ``memory_bytes`` bounds the address space of each process, ``file_bytes`` each file and the
    whole of each writable folder; ``seconds_cpu`` ends a process that outlives all other bounds.
    """

    seconds_cell: float = 30.0
    seconds_notebook: float = 600.0
    seconds_cpu: int = 1200
    memory_bytes: int = 4 << 30
    file_bytes: int = 64 << 20
    processes: int = 64
    emitted_bytes: int = 8_000_000
