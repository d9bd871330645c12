"""What machine this is, which versions it runs: for a chapter's last check, and the doctor."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .gpu import gpu_name

SHOWN = {"numpy": "NumPy", "torch": "PyTorch"}
"""The packages that a chapter's numbers depend on most, and how they are written."""


def verified_here() -> dict[str, str]:
    """When, on which versions and on what machine: what a notebook that just ran stores.

    >>> sorted(verified_here())
    ['machine', 'on', 'versions']
    """
    parts = [f"Python {platform.python_version()}"]
    parts += [f"{word} {found}" for name, word in SHOWN.items() if (found := installed(name))]
    return {"on": date.today().isoformat(), "versions": ", ".join(parts), "machine": describe()}


def describe() -> str:
    """Processor, cores and GPU in a few words, such as "AMD EPYC (x86_64), 2 cores, no GPU"."""
    return f"{processor()}, {os.cpu_count()} cores, {gpu_name() or 'no GPU'}"


def processor() -> str:
    """The processor's name where the system tells it, and its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]} ({platform.machine()})" if names else platform.machine()


def memory_gigabytes() -> float | None:
    """Memory of this machine in GB (10⁹ bytes), or None where the system does not tell."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    except (AttributeError, ValueError, OSError):
        return None


def installed(distribution: str) -> str | None:
    """Its version without what follows a "+", or None where it is not installed."""
    try:
        return version(distribution).partition("+")[0]
    except PackageNotFoundError:
        return None
