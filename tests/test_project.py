"""The project's habits: one source of pins, one address, clean code, files that say what is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

import coursekit
from coursekit.notebooks import repository

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TEXT = {".cff", ".cfg", ".css", ".html", ".ipynb", ".js", ".md", ".mjs", ".py", ".toml", ".txt"}
TEXT |= {".yaml", ".yml", ""}


def tracked_texts() -> dict[str, str]:
    """Every text file that belongs to the project, by its path from the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this copy of the project is not a git repository")
    paths = [path for path in listed.stdout.splitlines() if Path(path).suffix in TEXT]
    return {path: (ROOT / path).read_text("utf-8") for path in paths if (ROOT / path).is_file()}


def plain(name: str) -> str:
    """A distribution's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = [re.split("[#;]", line)[0].strip() for line in (ROOT / "requirements.txt").open()]
    return {plain(name): pin for name, _, pin in (line.partition("==") for line in lines if line)}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize(
    "command",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)],
    ids=["ruff check", "ruff format", "mypy"],
)
def test_code_is_clean(command):
    checked = run(sys.executable, "-m", *command)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_pin_is_exact():
    assert pins()
    assert {name: pin for name, pin in pins().items() if not re.fullmatch(r"[\w.]+", pin)} == {}


def test_every_dependency_is_pinned():
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    wanted = [one for group in groups for one in group]
    exact = dict(one.split("==") for one in wanted if "==" in one)
    assert {name: pins()[plain(name)] for name in exact} == exact
    names = {plain(re.split(r"[\[<>=~ ]", one)[0]) for one in wanted} - {"batch-by-batch"}
    assert names <= set(pins())


def test_the_environment_is_the_pinned_one():
    installed = {name: metadata.version(name).partition("+")[0] for name in pins()}
    assert installed == pins(), "run 'make environment'"


def test_pins_stand_in_one_place_only():
    allowed = {"requirements.txt", "pyproject.toml"}
    again = {
        path: found
        for path, text in tracked_texts().items()
        if path not in allowed
        and not path.startswith("tests/")
        and (found := re.findall(rf"\b(?:{'|'.join(pins())})==\d[\w.]*", text))
    }
    assert again == {}


def test_conda_reads_the_same_pins():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["dependencies"][-1] == {"pip": ["-r requirements.txt", "-e ."]}


def test_the_core_needs_numpy_alone():
    assert [re.split(r"[<>=]", one)[0] for one in PROJECT["dependencies"]] == ["numpy"]


def test_the_package_is_ours():
    assert coursekit.DISTRIBUTION == PROJECT["name"] == "batch-by-batch"
    assert coursekit.__version__ == PROJECT["version"]


def test_a_wheel_carries_every_file_of_the_package(tmp_path):
    """Colab installs a wheel: what is missing from it is missing there."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (copy / name).write_text((ROOT / name).read_text())
    files = [path for path in tracked_texts() if path.startswith("src/coursekit/")]
    for path in files:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes((ROOT / path).read_bytes())
    built = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, copy)
    if built.returncode:
        pytest.skip(f"pip could not build a wheel here: {built.stderr.strip().splitlines()[-1]}")
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    assert {path.removeprefix("src/") for path in files} - packed == set()


def test_the_address_has_no_second_differing_copy():
    """Links to Colab, sources for pip and the citation name the repository of _config.yml."""
    address = repository.address(ROOT)
    ours = address.removeprefix("https://github.com/")
    forms = re.compile(
        r"(?:colab\.research\.google\.com/github/|git\+https://github\.com/"
        r"|repository-code: *https://github\.com/|^ *url: *https://github\.com/)"
        r"([\w.-]+/[\w.-]+)",
        re.MULTILINE,
    )
    differing = {
        path: found
        for path, text in tracked_texts().items()
        if not path.startswith("tests/")
        and (found := {name.removesuffix(".git") for name in forms.findall(text)} - {ours})
    }
    assert differing == {}
    assert f"repository-code: {address}" in (ROOT / "CITATION.cff").read_text()


def test_nobody_is_told_to_install_the_unrelated_package():
    wrong = re.compile(r"pip install (?:-\S+ )*[\"']?coursekit\b")
    found = {path for path, text in tracked_texts().items() if wrong.search(text)}
    assert found - {"tests/test_project.py", "tests/test_notebooks.py"} == set()


def test_no_file_names_a_folder_of_the_machine_it_was_written_on():
    here = re.compile(rf"{re.escape(str(ROOT))}/|{re.escape(str(Path.home()))}/")
    found = {path for path, text in tracked_texts().items() if here.search(text)}
    assert found - {"src/coursekit/notebooks/rules.py", "tests/test_notebooks.py"} == set()


def test_the_citation_is_valid_and_current():
    checked = run(Path(sys.executable).parent / "cffconvert", "--validate", "-i", "CITATION.cff")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == coursekit.__version__


def test_the_changelog_knows_the_version():
    assert f"## [{coursekit.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_pre_commit_uses_the_pinned_tools():
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [one["repo"] for one in hooks] == ["local"]
    entries = [Path(hook["entry"].split()[0]) for one in hooks for hook in one["hooks"]]
    assert {entry.parts[0] for entry in entries} == {".venv"}


def test_the_workflow_does_what_ci_does():
    jobs = yaml.safe_load((ROOT / ".github/workflows/test.yml").read_text())["jobs"]
    assert [step["run"] for step in jobs["test"]["steps"] if "run" in step] == [".ci/run"]
    assert jobs["gpu"]["runs-on"] == ["self-hosted", "gpu"]
    assert run("bash", "-n", ".ci/run").returncode == 0


def test_the_readme_opens_with_the_two_commands():
    first_block = (ROOT / "README.md").read_text().split("```")[1]
    assert re.findall(r"^make (\w+)", first_block, re.MULTILINE) == ["book", "test"]


def test_the_readme_shows_what_is_there():
    tree = (ROOT / "README.md").read_text().split("```\nREADME.md")[1].split("```")[0]
    inside = ""
    for line in f"README.md{tree}".splitlines():
        names = re.findall(r"[\w.]+/?(?:\w+/)*", line.split("   ")[0] if line[0] != " " else "")
        if line.startswith("  "):
            names = [f"{inside}{line.split()[0]}"]
        elif line.startswith("src/coursekit/"):
            inside = "src/coursekit/"
        for name in names:
            assert (ROOT / name).exists(), f"the README's tree names {name}"


def test_the_readme_leaves_no_room_of_the_package_out():
    tree = (ROOT / "README.md").read_text().split("\nsrc/coursekit/")[1].split("```")[0]
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in (ROOT / "src" / "coursekit").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    shown = set(re.findall(r"^  ([\w.]+/?)  ", tree, re.MULTILINE))
    assert rooms - shown == {"__init__.py"}


def test_the_changelog_names_every_chapter():
    changes = " ".join((ROOT / "CHANGELOG.md").read_text().split())
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    pages = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    chapters = [ROOT / f"{page}.ipynb" for page in pages if page.startswith("notebooks/")]
    titles = [
        "".join(json.loads(chapter.read_text("utf-8"))["cells"][0]["source"]).split("\n")[0]
        for chapter in chapters
    ]
    assert [title for title in titles if f"*{title.removeprefix('# ')}*" not in changes] == []


def test_every_make_target_is_explained():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^(\w+):", makefile, re.MULTILINE)) - {"help", "environment"}
    explained = set(re.findall(r"make (\w+)", run("make", "help").stdout))
    assert explained == targets


def test_in_ci_a_skipped_test_fails_unless_it_needs_a_gpu(pytester, monkeypatch):
    pytester.makeconftest((ROOT / "conftest.py").read_text())
    pytester.makepyfile(
        test_one="""
            import pytest

            def test_in_a_browser():
                pytest.skip("no browser")

            @pytest.mark.gpu
            def test_on_a_gpu():
                pytest.skip("no GPU")

            @pytest.mark.xfail
            def test_known_bug():
                assert False
        """,
        test_two="import pytest; pytest.skip('no node', allow_module_level=True)",
    )
    monkeypatch.setenv("CI", "true")
    strict = pytester.runpytest_subprocess()
    strict.assert_outcomes(errors=1)
    strict.stdout.fnmatch_lines(["*nothing but gpu may be skipped*no node*"])
    (pytester.path / "test_two.py").unlink()
    strict = pytester.runpytest_subprocess()
    strict.assert_outcomes(failed=1, skipped=1, xfailed=1)
    strict.stdout.fnmatch_lines(["*nothing but gpu may be skipped*no browser*"])
    monkeypatch.delenv("CI")
    pytester.runpytest_subprocess().assert_outcomes(skipped=2, xfailed=1)
