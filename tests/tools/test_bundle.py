"""tools/bundle.py: one zip, the same byte for byte, that lacks nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tools import bundle  # noqa: E402


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "html"
    (folder / "_static").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Batch by Batch</title>")
    (folder / "_static" / "x.css").write_text("p { color: red }")
    return folder


@pytest.fixture
def wheel(tmp_path):
    path = tmp_path / "batch_by_batch-0-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


def test_the_same_files_give_the_same_bytes_whenever_they_were_written(site, wheel, tmp_path):
    bundle.write(tmp_path / "one.zip", site, wheel)
    for path in site.rglob("*"):
        os.utime(path, (2e9, 2e9))
        path.chmod(0o700)
    bundle.write(tmp_path / "two.zip", site, wheel)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert not list(tmp_path.glob("*.part"))


def test_the_bundle_holds_the_pages_every_chapter_and_the_wheel(site, wheel, tmp_path):
    bundle.write(tmp_path / "one.zip", site, wheel)
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        names = {name.removeprefix(f"{bundle.NAME}/") for name in archive.namelist()}
        words = archive.read(f"{bundle.NAME}/README.txt").decode()
    chapters = {f"notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert names == chapters | {
        "README.txt",
        "book/index.html",
        "book/_static/x.css",
        wheel.name,
    }
    assert wheel.name in words


def test_the_wheel_is_built_the_same_way_twice(tmp_path):
    wheels = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        wheels.append(bundle.build_wheel(tmp_path / name).read_bytes())
    assert wheels[0] == wheels[1]


def test_without_a_book_it_says_what_to_do(tmp_path):
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "bundle.py").write_text((ROOT / "tools/bundle.py").read_text())
    ran = subprocess.run(
        [sys.executable, "-m", "tools.bundle"], cwd=tmp_path, capture_output=True, text=True
    )
    assert ran.returncode == 1
    assert ran.stderr == "the book is not built yet; run 'make bundle', which builds it first.\n"
