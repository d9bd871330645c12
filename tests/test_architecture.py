"""The house keeps its plan: imports go down only, and each outside package has its room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import coursekit

ROOT = Path(__file__).parent.parent
SOURCE = Path(coursekit.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

ROOMS_OF = {
    "IPython": {"grading"},  # in a student's kernel
    "anywidget": {"explorables"},
    "click": {"cli"},
    "cloudpickle": {"pytorch"},  # carries a function of a cell to another process
    "cycler": {"figures"},  # part of matplotlib's interface
    "distributed": {"grading"},
    "docutils": {"book"},
    "ipykernel": {"grading"},
    "ipywidgets": {"explorables"},
    "jinja2": {"grading"},
    "jupyter_client": {"notebooks", "grading"},
    "markupsafe": {"grading"},  # part of Jinja's interface
    "matplotlib": {"figures"},
    "nbclient": {"notebooks", "grading"},
    "nbformat": {"notebooks", "grading"},
    "nbval": {"nbval_plugin", "notebooks", "grading"},
    "packaging": {"doctor"},
    "pytest": {"nbval_plugin", "grading"},
    "rich": {"cli"},
    "sklearn": {"data"},
    "sphinx": {"book"},
    "tabulate": {"figures"},
    "torch": {"pytorch", "planning"},
    "traitlets": {"explorables"},
    "triton": {"pytorch"},
    "yaml": {"book"},
    "zmq": {"notebooks"},  # part of jupyter_client's interface
}
"""Outside packages other than NumPy, and the rooms that may import them, anywhere in a file."""

NUMPY_ROOMS = sorted(
    {path.relative_to(SOURCE).parts[0].removesuffix(".py") for path in FILES}
    & {"errors", "rounding", "claims", "data", "sampling", "gradients", "training", "hardware"}
    | {room for room in ("attention", "decoding") if (SOURCE / room).exists()}
)


def imported_packages(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).split(".")[0])
    return found - sys.stdlib_module_names - {"coursekit", "numpy"}


def modules_after(statement: str) -> set[str]:
    """Names of what a fresh interpreter has loaded after ``statement``, beyond its own."""
    code = (
        f"import sys; own = set(sys.modules); {statement}; print(*sorted(set(sys.modules) - own))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_imports_go_down_only():
    checked = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 kept, 0 broken" in checked.stdout


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_outside_packages_are_imported_in_their_rooms_only(path):
    room = path.relative_to(SOURCE).parts[0].removesuffix(".py")
    strangers = {name for name in imported_packages(path) if room not in ROOMS_OF.get(name, ())}
    assert not strangers, f"{room} may not import {', '.join(sorted(strangers))}"


def test_import_coursekit_loads_nothing_else():
    assert modules_after("import coursekit") <= {"coursekit", "__future__"}


@pytest.mark.parametrize("room", NUMPY_ROOMS)
def test_a_numpy_room_loads_neither_torch_nor_matplotlib(room):
    heavy = {"torch", "matplotlib", "sklearn", "scipy", "pandas", "IPython"}
    assert not modules_after(f"import coursekit.{room}") & heavy


def test_the_pytest_plugin_is_light_for_those_who_do_not_use_it():
    loaded = modules_after("import coursekit.nbval_plugin")
    assert not loaded & {"numpy", "nbformat", "nbclient", "jupyter_client", "nbval"}


def test_no_room_is_a_lumber_room():
    names = {path.stem for path in SOURCE.rglob("*")}
    assert not names & {"utils", "util", "helpers", "common", "misc"}


def test_every_test_folder_mirrors_a_room():
    rooms = {path.stem for path in SOURCE.iterdir()} | {"site", "notebooks", "tools"}
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir()}
    assert {name for name in folders if not name.startswith("__")} <= rooms
