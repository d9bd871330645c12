"""tools/serve.py: where the built book is, and the book on a free local port."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(tmp_path):
    """A copy of the tool in a project whose folder has a space in its name."""
    (tmp_path / "a project" / "tools").mkdir(parents=True)
    return Path(shutil.copy(ROOT / "tools" / "serve.py", tmp_path / "a project" / "tools"))


@pytest.fixture
def site(script):
    folder = script.parents[1] / "_build" / "html"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<title>Batch by Batch</title>")
    return folder


def test_it_names_the_page_to_open(script, site):
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True)
    address = re.search(r"Open (file://\S+)", ran.stdout)[1]
    assert urllib.request.urlopen(address).read() == (site / "index.html").read_bytes()


def test_without_a_book_it_says_how_to_make_one(script):
    ran = subprocess.run([sys.executable, script, "--serve"], capture_output=True, text=True)
    assert (ran.returncode, ran.stderr) == (1, "the book is not built yet; run 'make book'.\n")


def test_it_serves_several_at_once_to_this_machine_alone_until_ctrl_c(script, site):
    servers = [
        subprocess.Popen([sys.executable, script, "--serve"], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for server in servers:
        address = re.search(r"http://127\.0\.0\.1:\d+/", server.stdout.readline())[0]
        with urllib.request.urlopen(address) as page:
            assert page.read() == (site / "index.html").read_bytes()
            assert page.headers["Cache-Control"] == "no-store"
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=10)
        assert server.returncode == 0
