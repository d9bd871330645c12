"""The whole book, built once and served; the list of its pages from ``_toc.yml``."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from filelock import FileLock

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text("utf-8"))
PAGES = [TOC["root"], *(chapter["file"] for part in TOC["parts"] for chapter in part["chapters"])]
CHAPTERS = [page for page in PAGES if page.startswith("notebooks/")]


@dataclass(frozen=True)
class Site:
    """The built book: its folder, and the address it is served at."""

    folder: Path
    address: str

    def http(self, page: str) -> str:
        return f"{self.address}/{page}.html"

    def file(self, page: str) -> str:
        return (self.folder / f"{page}.html").as_uri()

    def path_of(self, url: str) -> Path:
        """The file behind an address of this site."""
        path = unquote(urlsplit(url).path)
        return Path(path) if url.startswith("file:") else self.folder / path.removeprefix("/")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests' output is for the tests."""


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Build as CI does, warnings as errors; the folder of the pages, and what was wrong.

    Tests that run side by side share one build: the first makes it, the others wait.
    """
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    out, record = shared / "book", shared / "book.json"
    with FileLock(shared / "book.lock"):
        if not record.is_file():
            record.write_text(json.dumps(build(out)))
    return out / "_build" / "html", json.loads(record.read_text())


def build(out: Path) -> list[str]:
    """Build the book into a folder; what was wrong."""
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ".", "-W", "-n", "--keep-going", "--path-output", out]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said = re.sub(r"\x1b\[[0-9;]*m", "", ran.stderr).splitlines()
    wrong = [line for line in said if "WARNING" in line or "ERROR" in line]
    return (wrong or said) if ran.returncode else []


@pytest.fixture(scope="session")
def site(built: tuple[Path, list[str]]) -> Iterator[Site]:
    """The book, served on a free port of this machine."""
    folder, wrong = built
    if wrong:
        pytest.fail("the book does not build; tests/site/test_build.py says why", pytrace=False)
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Site(folder, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()
