"""Every example in a docstring runs and prints what it says; the API reference shows them."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

import coursekit

SOURCE = Path(coursekit.__file__).parent
MODULES = [
    "coursekit." + ".".join(path.relative_to(SOURCE).with_suffix("").parts)
    for path in sorted(SOURCE.rglob("*.py"))
    if "\n    >>> " in path.read_text("utf-8") or "\n>>> " in path.read_text("utf-8")
]


def test_there_are_examples():
    assert len(MODULES) > 15


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module(module):
    ran = doctest.testmod(importlib.import_module(module))
    assert ran.attempted > 0
    assert ran.failed == 0
