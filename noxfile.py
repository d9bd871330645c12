"""Environments beside the book's own: other Pythons without torch, and one like Colab's with it.

    .venv/bin/nox --reuse-existing-virtualenvs

A Python that this machine does not have is reported and left out.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import nox

VERSIONS = ("3.12", "3.13")  # the book's environment, which `make test` uses, is the third
NEEDS_MORE = (
    "book",
    "explorables",
    "grading",
    "notebooks",
    "planning",
    "pytorch",
    "site",
    "tools",
)
NEEDS_MORE_FILES = (
    "architecture",
    "cli",
    "contributing",
    "doctor",
    "examples",
    "nbval_plugin",
    "notebooks",
    "project",
)

NOT_COMPILED = "--no-compile"  # compiling every module beforehand takes longer than installing
NBGRADER = "nbgrader==0.9.6"  # a hundred packages, so it stays out of the book's environment


def interpreter(version: str) -> Path | None:
    """A Python of this version that really starts: version managers leave stubs that do not."""
    names = [Path(folder) / f"python{version}" for folder in os.get_exec_path()]
    managed = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    names += sorted(managed.glob(f"{version}.*/bin/python{version}"))
    for name in names:
        if name.is_file() and not subprocess.run([name, "-c", ""], capture_output=True).returncode:
            return name
    return None


FOUND = {version: path for version in VERSIONS if (path := interpreter(version))}
os.environ["PATH"] = os.pathsep.join([*(str(p.parent) for p in FOUND.values()), os.environ["PATH"]])
nox.options.error_on_missing_interpreters = False


@nox.session(python=list(VERSIONS))
def core(session: nox.Session) -> None:
    """Test the package without torch, beside Colab's versions of what it needs."""
    session.install(NOT_COMPILED, "--requirement=tests/notebooks/colab.txt", "pytest", "hypothesis")
    session.run("python", "-c", "import importlib.util as u; assert u.find_spec('torch') is None")
    left_out = [f"--ignore=tests/{name}" for name in NEEDS_MORE]
    left_out += [f"--ignore=tests/test_{name}.py" for name in NEEDS_MORE_FILES]
    environment = {"CI": None, "PYTHONPATH": str(Path("src").resolve())}
    session.run("pytest", "--quiet", "-m", "not slow", *left_out, "tests", env=environment)


@nox.session
def colab(session: nox.Session) -> None:
    """Colab's versions of what a notebook meets, with the PyTorch of requirements.txt."""
    lines = Path("requirements.txt").read_text().splitlines()
    (torch,) = (line for line in lines if line.startswith("torch=="))
    session.install(NOT_COMPILED, "--requirement=tests/notebooks/colab.txt", torch)


@nox.session
def nbgrader(session: nox.Session) -> None:
    """Let nbgrader generate, validate and autograde the course in the folder that is named."""
    session.install(NOT_COMPILED, NBGRADER, "numpy", env={"PIP_CONSTRAINT": "requirements.txt"})
    source = Path("src").resolve()
    script = "tests/grading/grade_with_nbgrader.py"
    session.run("python", script, *session.posargs, env={"PYTHONPATH": str(source)})
