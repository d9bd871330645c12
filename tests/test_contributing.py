"""The worked examples of CONTRIBUTING.md, carried out in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from coursekit.doctor import CHROMIUM

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(?:js|python)\n(?://|#) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text("utf-8")))
"""The text of each worked file, by its path."""
DETAILS = {"chapter": "15", "minutes_read": 25, "seconds_run": 20, "device": "cpu"}

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command in a copy of the project that has the worked files; it must not fail."""
    ignore = shutil.ignore_patterns("__pycache__", "*.ipynb")
    for name in ("src", "notebooks", "tests/explorables"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    for name in ("_config.yml", "pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests/__init__.py").touch()
    for name, text in EXAMPLES.items():
        path = tmp_path / name
        if path.suffix == ".ipynb":
            nbformat.write(notebook(text), path)
        else:
            path.write_text(text, "utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}

    def run_(*command: str) -> str:
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    return run_


def notebook(text: str) -> nbformat.NotebookNode:
    """The cells of a text in which ``# %%`` begins one, and a Markdown cell is a comment."""
    cells = []
    for part in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        kind, _, source = part.partition("\n")
        if kind.strip():
            cells.append(new_markdown_cell(re.sub(r"^# ?", "", source, flags=re.MULTILINE).strip()))
        else:
            cells.append(new_code_cell(source.strip()))
    return new_notebook(cells=cells, metadata={"coursekit": DETAILS})


def coursekit(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-c", "from coursekit.cli import main; main()", *arguments)


def pytest_(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments)


def test_the_worked_chapter_is_refreshed_checked_and_run_again(run: Run, tmp_path: Path) -> None:
    file = "notebooks/15_coverage.ipynb"
    run(*coursekit("refresh", file))
    run(*coursekit("check", file))
    said = run(*pytest_("--nbval", file))
    assert "4 passed" in said  # the rules, the setup cell and two cells
    stored = nbformat.read(tmp_path / file, as_version=4)
    assert "[Open in Colab]" in stored.cells[0].source
    assert stored.cells[2].outputs[0].text == "different ones, on average: 2.11\n"
    assert "holds (proved exactly)" in str(stored.cells[4].outputs)


def test_the_worked_figure_keeps_the_contract(run: Run, tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("no node on this machine; install it ('sudo apt-get install nodejs')")
    run("node", "src/coursekit/explorables/pictures.mjs")
    written = tmp_path / "src/coursekit/explorables/pictures"
    assert (written / "coverage.html").is_file()
    assert (written / "coverage-half.html").is_file()
    some = "coverage and (mirror or display or mounts or each_button)"  # all of it takes a minute
    said = run(*pytest_("tests/explorables", "-k", some))
    assert "passed" in said
    assert "skipped" not in said or not any(map(shutil.which, CHROMIUM))
