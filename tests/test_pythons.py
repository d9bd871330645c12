"""The package without torch on the other Pythons that the course supports (see noxfile.py)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def nox(*arguments: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-m", "nox", *arguments],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_the_package_s_own_tests_pass_without_torch(version):
    ran = nox("--reuse-existing-virtualenvs", "--sessions", f"core-{version}")
    log = ran.stdout + ran.stderr
    assert ran.returncode == 0, log
    if "Interpreter" in log and "not found" in log:
        warnings.warn(f"Python {version} is not on this machine; not tried there", stacklevel=1)
    else:
        assert re.search(r"^[1-9]\d* passed", log, re.MULTILINE), log


def test_nothing_else_is_in_the_noxfile():
    listed = nox("--list").stdout
    assert [line.split()[1] for line in listed.splitlines() if line.startswith("* ")] == [
        "core-3.12",
        "core-3.13",
        "colab",
        "colab_python-3.12",
        "colab_python-3.13",
        "nbgrader",
    ]
