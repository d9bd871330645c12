"""Every chapter from a bare folder, in an environment with Colab's versions, from its setup cell.

PyTorch is that of requirements.txt, on the Python of the tests: Colab's own comes with CUDA. On
Colab's two Pythons the setup cell and a live figure are tried, without PyTorch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from .test_course import NOTEBOOKS

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tools.bundle import build_wheel  # noqa: E402

CHAPTERS = [path for path in NOTEBOOKS if path.parent == ROOT / "notebooks"]
PROGRAM = Path(__file__).with_name("run_as_on_colab.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("wheel"))


def environment(session: str) -> Path | None:
    """The Python of an environment that noxfile.py makes, once; None without its interpreter."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", "nox", "--reuse-existing-virtualenvs", "--sessions", session]
    made = subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    python = ROOT / ".nox" / session.replace(".", "-") / "bin" / "python"
    return python if python.exists() else None


@pytest.fixture(scope="module")
def colab():
    """The Python of the environment with Colab's versions and PyTorch."""
    return environment("colab")


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


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_as_on_colab(colab, wheel, path):
    report = run(colab, path, wheel)
    assert report["explorables"] >= 1
    assert report["left"] == []


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_setup_and_a_live_figure_on_colab_s_pythons(wheel, version):
    python = environment(f"colab_python-{version}")
    if python is None:
        warnings.warn(f"Python {version} is not on this machine; not tried there", stacklevel=1)
        return
    report = run(python, CHAPTERS[0], wheel, "--setup-alone")
    widgets, kinds = json.loads(report["said"])
    assert widgets == "7.7.1"
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} <= set(kinds)
