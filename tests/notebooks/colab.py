"""Environments that stand in for Colab, made once by noxfile.py, and notebooks that run there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROGRAM = Path(__file__).with_name("run_as_on_colab.py")


def nox(*arguments: str) -> str:
    """Run nox, which has to succeed; what it said."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "nox", "--reuse-existing-virtualenvs", *arguments]
    ran = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def python_without_the_course(session: str) -> Path | None:
    """The Python of a session's environment; None where its interpreter was not found.

    What an earlier run installed is removed, so that a setup cell has to install the package.
    """
    python = ROOT / ".nox" / session.replace(".", "-") / "bin" / "python"
    if not python.exists():
        return None
    uninstall = [python, "-m", "pip", "uninstall", "--quiet", "--yes", "batch-by-batch"]
    subprocess.run(uninstall, capture_output=True, check=True)
    found = [python, "-c", "import importlib.util as u; print(u.find_spec('coursekit'))"]
    assert subprocess.run(found, capture_output=True, text=True, check=True).stdout == "None\n"
    return python


def run(python: Path, notebook: Path, wheel: Path, *options: str) -> dict[str, object]:
    """Run a notebook there; what run_as_on_colab.py reports."""
    ran = subprocess.run(
        [python, PROGRAM, notebook, *options],
        env={
            "PATH": f"{python.parent}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "OMP_NUM_THREADS": "1",
            "BATCH_BY_BATCH_SOURCE": wheel.as_uri(),
        },
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr.strip().splitlines()[-1]
    return json.loads(ran.stdout.splitlines()[-1])
