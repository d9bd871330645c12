"""What this machine can do of the course, and what to do about the rest.

coursekit doctor
"""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import requires

from packaging.requirements import Requirement

from . import DISTRIBUTION
from .notebooks.gpu import gpu_name
from .notebooks.machine import installed, memory_gigabytes, processor

FINE, MISSING, OPTIONAL = "yes", "no", "not here"
MEMORY_NEEDED = 4.0
"""GB that a chapter may use."""

ABILITIES = {
    "Run the chapters": "notebooks",
    "Run their PyTorch cells": "torch",
    "Read a figure's state in Python": "explorables",
    "Grade assignments": "grading",
    "Build the book": "book",
}
"""What one may want to do, and the extra of the package that it takes."""

CHROMIUM = (
    "chromium-headless-shell",  # the same engine without windows: faster
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
"""Programs that the tests can try the pages with, the best first."""


@dataclass(frozen=True)
class Finding:
    """One row of the table: what, whether this machine can, what was found, what to do."""

    what: str
    answer: str
    found: str
    advice: str = ""


def examine() -> list[Finding]:
    """Look at this machine: packages, memory, GPU, programs. Starts PyTorch in another process."""
    abilities = [_ability(what, extra) for what, extra in ABILITIES.items()]
    return [*abilities, _memory(), _gpu(), _isolation(), _browser(), _node()]


def _ability(what: str, extra: str) -> Finding:
    wanted = _requirements(extra)
    old = []
    for one in wanted:
        here = installed(one.name)
        if here is None:
            old.append(f"{one.name} is missing")
        elif not one.specifier.contains(here, prereleases=True):
            old.append(f"{one.name} {here} is not {one.specifier}")
    if not old:
        core = {one.name for one in _requirements()}
        own = next(one.name for one in wanted if one.name not in core)
        found = f"Python {platform.python_version()}, {own} {installed(own)}"
        return Finding(what, FINE, found)
    advice = f"from a copy of the repository: pip install '.[{extra}]'"
    return Finding(what, MISSING, "; ".join(old), advice)


def _requirements(*extras: str) -> list[Requirement]:
    """What the package itself needs with these extras, those of its own extras included."""
    found = []
    for text in requires(DISTRIBUTION) or []:
        one = Requirement(text)
        if one.marker is None or any(one.marker.evaluate({"extra": name}) for name in extras):
            found += _requirements(*one.extras) if one.name == DISTRIBUTION else [one]
    return list({one.name: one for one in found}.values())


def _memory() -> Finding:
    here, what = memory_gigabytes(), f"Memory for a chapter ({MEMORY_NEEDED:g} GB)"
    if here is None:
        return Finding(what, FINE, "this system does not tell", "watch it yourself")
    found = f"{here:.0f} GB, {processor()}, {os.cpu_count()} cores"
    if here >= MEMORY_NEEDED:
        return Finding(what, FINE, found)
    return Finding(what, MISSING, found, "close other programs, or open the chapter on Colab")


def _gpu() -> Finding:
    name = gpu_name()
    if name:
        return Finding("Run the cells tagged gpu", FINE, name)
    advice = "none needed: each has a twin for the CPU; on Colab choose a GPU under Runtime"
    return Finding("Run the cells tagged gpu", OPTIONAL, "no CUDA device", advice)


def _isolation() -> Finding:
    what = "Grade strangers' code in isolation"
    path = shutil.which("bwrap")
    if path:
        return Finding(what, FINE, path)
    advice = "on Debian and Ubuntu: sudo apt-get install bubblewrap (Linux only)"
    return Finding(what, OPTIONAL, "bubblewrap is missing", advice)


def _browser() -> Finding:
    what = "Try the pages in a browser (make test)"
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path:
        return Finding(what, FINE, path)
    advice = "sudo apt-get install chromium-headless-shell, or any Chrome"
    return Finding(what, OPTIONAL, "no Chromium", advice)


def _node() -> Finding:
    what = "Test the interactive figures (make test)"
    path = shutil.which("node")
    if path:
        return Finding(what, FINE, path)
    return Finding(what, OPTIONAL, "no Node.js", "sudo apt-get install nodejs")
