"""What the explorables' tests share: node, and a page that holds figures."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coursekit.explorables import Explorable, bundle, registry

HERE = Path(__file__).parent
NO_NODE = (
    "no node on this machine, so the figures' own maths was not run; "
    "install it ('sudo apt-get install nodejs')"
)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Figures</title>
<meta name="viewport" content="width=device-width">
<style>
body {{ margin: 8px; background: #fff; color: #1b1b1b; font: 16px sans-serif }}
@media (prefers-color-scheme: dark) {{ body {{ background: #14181e; color: #f1f1f1 }} }}
a {{ color: inherit }}
</style>
<main><h1>Figures</h1>{body}</main></html>"""


@pytest.fixture(scope="session")
def run_node() -> Callable[..., str]:
    """Run a script of this folder with node; returns what it prints, fails if it fails."""
    node = shutil.which("node")
    if node is None:
        pytest.skip(NO_NODE)

    def run(*args: str | Path, stdin: str = "") -> str:
        done = subprocess.run(
            [node, *map(str, args)], input=stdin, capture_output=True, text=True, cwd=HERE
        )
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
        return done.stdout

    return run


@pytest.fixture(scope="session")
def answers(run_node: Callable[..., str]) -> Callable[..., list[dict[str, Any]]]:
    """What a module says about each of some states: simulation, sentence, picture, table."""

    def ask(module: Path, states: list[dict[str, Any]], *wanted: str) -> list[dict[str, Any]]:
        asked = json.dumps({"states": states, "wanted": wanted})
        return json.loads(run_node("answers.mjs", module, stdin=asked))

    return ask


@pytest.fixture
def write_page(tmp_path: Path) -> Callable[..., str]:
    """Write a page with some figures, and HTML around them, and return its file:// address."""

    def write(*figures: Explorable, before: str = "", after: str = "") -> str:
        html = "".join(figure._repr_mimebundle_()["text/html"] for figure in figures)
        path = tmp_path / "figures.html"
        path.write_text(PAGE.format(body=f"{before}{html}{after}"), "utf-8")
        return path.as_uri()

    return write


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for ``name`` runs once for each explorable in the package."""
    if "name" in metafunc.fixturenames:
        metafunc.parametrize("name", registry.names())
    if "draggable" in metafunc.fixturenames:
        dragged = [name for name in registry.names() if "function drag(" in bundle.module(name)]
        metafunc.parametrize("draggable", dragged)
