"""tools/environment.py: one clear sentence for what can go wrong, no work when there is none."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    """A copy of the tool in a project of its own, which wants one package that is nowhere."""
    folder = tmp_path / "a project"
    (folder / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "environment.py", folder / "tools")
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").write_text("no-such-package-of-this-course==1.0\n")
    (folder / "pyproject.toml").write_text("")
    return folder


@pytest.fixture
def tool(project):
    """The module of that copy."""
    location = project / "tools" / "environment.py"
    spec = importlib.util.spec_from_file_location("environment", location)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make(project: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )


def stand_in(project: Path, exit_code: int = 0) -> Path:
    """An interpreter for .venv that notes each use of pip."""
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *pip*) echo "$*" >> "{project}/pip.txt"; exit {exit_code};;\n'
        "esac\n"
        f'exec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    return project / "pip.txt"


def test_without_python_make_says_so(project):
    ran = make(project, "environment", "PYTHON=")
    assert ran.returncode == 2
    assert ran.stdout.startswith("No Python 3 here; install Python 3.11 or newer")


def test_make_takes_a_python_that_starts(tmp_path, project):
    """Version managers put stubs on the path that do not start."""
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for name, text in (("python3", "exit 127"), ("python3.13", 'echo "$@"')):
        (stubs / name).write_text(f"#!/bin/sh\n{text}\n")
        (stubs / name).chmod(0o755)
    ran = make(project, "--dry-run", "environment", PATH=f"{stubs}:{os.environ['PATH']}")
    assert "python3.13 tools/environment.py" in ran.stdout


def test_an_old_python_is_named(tool, monkeypatch):
    monkeypatch.setattr(tool, "OLDEST", (99, 0))
    with pytest.raises(tool.Stop, match=r"this is Python 3\.\d+, and the course needs 99\.0"):
        tool.make_environment()


def test_an_old_python_hands_over_to_a_newer_one(tool, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "version_info", (3, 8, 0))
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "python3.12").symlink_to(sys.executable)
    assert tool.new_enough() == str(tmp_path / "python3.12")


def test_a_full_disk_is_said_before_anything_is_made(tool, monkeypatch, project):
    usage = shutil.disk_usage(project)._replace(free=1_500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(tool.Stop, match=r"needs 4 GB and 1\.5 GB are free"):
        tool.make_environment()
    assert not (project / ".venv").exists()


def test_a_disk_that_fills_up_on_the_way_is_said(tool):
    log = "ERROR: Could not install packages: [Errno 28] No space left on device\n"
    assert tool.reason(log) == "the disk is full; make room and run the same command again."


def test_without_venv_the_package_to_install_is_named(tool, monkeypatch, tmp_path):
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(tool, "new_enough", lambda: str(broken))
    with pytest.raises(tool.Stop, match="python3-venv"):
        tool.make_environment()


def test_without_network_one_sentence(project):
    """A real environment and a real pip, whose package index nobody answers at."""
    offline = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_RETRIES": "1"}
    offline |= {"PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_EXTRA_INDEX_URL": ""}
    ran = make(project, "environment", PYTHON=sys.executable, **offline)
    assert ran.returncode == 2
    sentence = "the package index cannot be reached; go online and run the same command again.\n"
    assert f"environment.py: {sentence}" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not (project / ".venv" / "made-from.txt").exists()


def test_a_package_that_cannot_be_had_is_named(tool):
    log = "Collecting x\nERROR: No matching distribution found for no-such-package==1.0\n"
    assert tool.reason(log).endswith("No matching distribution found for no-such-package==1.0")


def test_a_package_that_cannot_be_built_is_named(tool):
    """pip repeats, indented, what the process that it started for the build has said."""
    log = "      ERROR: No matching distribution found for setuptools>=77\n      [end of output]\n"
    assert tool.reason(log).endswith("No matching distribution found for setuptools>=77")


def test_the_second_time_nothing_is_done(tool, project, capsys):
    used = stand_in(project)
    tool.make_environment()
    assert capsys.readouterr().out.endswith("The environment is ready.\n")
    tool.make_environment()
    assert capsys.readouterr().out == ""
    assert len(used.read_text().splitlines()) == 1


@pytest.mark.parametrize("changed", ["requirements.txt", "pyproject.toml"])
def test_a_changed_source_installs_again(tool, project, changed):
    used = stand_in(project)
    tool.make_environment()
    (project / changed).write_text("# changed\n")
    tool.make_environment()
    assert len(used.read_text().splitlines()) == 2


def test_a_broken_off_installation_is_taken_up_again(tool, project):
    used = stand_in(project, exit_code=1)
    for attempts in (1, 2):
        with pytest.raises(tool.Stop, match="pip could not install"):
            tool.make_environment()
        assert len(used.read_text().splitlines()) == attempts


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.10"])
def test_the_tool_s_own_syntax_is_old(version):
    """A Python that is too old must be able to read the file that says so."""
    import ast

    major, minor = map(int, version.split("."))
    ast.parse((ROOT / "tools/environment.py").read_text(), feature_version=(major, minor))
