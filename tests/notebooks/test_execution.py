"""Where the repository is, how a notebook is written, how it is run again."""

from __future__ import annotations

import copy
import os
import platform
from datetime import date

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from coursekit.errors import CourseError
from coursekit.notebooks import execution, opening, repository
from coursekit.notebooks.files import replace_file
from coursekit.notebooks.gpu import cuda_present, gpu_name

ADDRESS = "https://github.com/owner/course"
DETAILS = {"chapter": "01", "minutes_read": 5, "seconds_run": 10, "device": "cpu"}


def printed(text: str, name: str = "stdout"):
    return new_output("stream", name=name, text=text)


def notebook(*code, **metadata):
    """A notebook with a title and these code cells."""
    cells = [new_markdown_cell("# Title\n\nA promise."), *code]
    return new_notebook(cells=cells, metadata={"coursekit": DETAILS} | metadata)


# The repository's address


@pytest.fixture
def course(tmp_path):
    """A small repository of a course with one notebook."""
    (tmp_path / "_config.yml").write_text(
        f"title: x\nrepository:\n  # where it is\n  url: {ADDRESS}\n  branch: main\n"
    )
    (tmp_path / "CITATION.cff").write_text(f"repository-code: {ADDRESS}\n")
    (tmp_path / "README.md").write_text(f"{ADDRESS}-elsewhere {ADDRESS}/issues\n")
    (tmp_path / "notebooks").mkdir()
    made = notebook(new_code_cell("print(6 * 7)"))
    nbformat.write(made, tmp_path / "notebooks" / "01_x.ipynb")
    return tmp_path


def test_the_address_is_read_from_the_configuration(course):
    assert repository.address(course) == ADDRESS
    assert repository.find_root(course / "notebooks") == course


def test_repoint_moves_every_copy_and_nothing_else(course):
    path = course / "notebooks" / "01_x.ipynb"
    made = execution.read(path)
    opening.open_the_course_way(made, address=ADDRESS, path="notebooks/01_x.ipynb")
    nbformat.write(made, path)
    new = "https://github.com/someone/else"
    changed = repository.repoint(course, f"{new}.git")
    assert {one.name for one in changed} == {
        "_config.yml",
        "CITATION.cff",
        "README.md",
        "01_x.ipynb",
    }
    assert repository.address(course) == new
    assert (course / "README.md").read_text() == f"{ADDRESS}-elsewhere {new}/issues\n"
    again = execution.read(path)
    before = copy.deepcopy(again)
    opening.open_the_course_way(again, address=new, path="notebooks/01_x.ipynb")
    assert again == before
    assert repository.repoint(course, new) == []


@pytest.mark.parametrize(
    "url", ["github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a"]
)
def test_repoint_wants_an_address_that_colab_can_open(course, url):
    with pytest.raises(CourseError, match="not an address like"):
        repository.repoint(course, url)


def test_outside_the_repository_is_said(tmp_path):
    with pytest.raises(CourseError, match="not inside the course's repository"):
        repository.find_root(tmp_path)


# Writing


def test_replace_file_keeps_the_old_text_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "a.ipynb"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        replace_file(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_replace_file_keeps_the_mode(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    replace_file(path, "new\n")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("new\n", 0o640)


def test_normalize_drops_what_differs_from_run_to_run():
    made = notebook(
        new_code_cell("1", metadata={"execution": {"iopub.status.busy": "now"}, "tags": ["gpu"]}),
        widgets={},
        colab={"provenance": []},
        language_info={"name": "python", "version": "3.11.7"},
    )
    made.cells[1].outputs = [printed("a"), printed("b"), printed("c", "stderr"), printed("d")]
    made.cells[1].execution_count = 17
    execution.normalize(made)
    assert set(made.metadata) == {"kernelspec", "language_info", "coursekit"}
    assert made.metadata.language_info == {"name": "python"}
    assert made.cells[1].metadata == {"tags": ["gpu"]}
    assert [output.text for output in made.cells[1].outputs] == ["ab", "c", "d"]
    assert made.cells[1].execution_count == 1


# Running


def test_refresh_runs_stores_and_then_changes_nothing(course):
    path = course / "notebooks" / "01_x.ipynb"
    ran = []
    (first,) = execution.refresh([path], jobs=1, on_cell=lambda *what: ran.append(what))
    assert first == execution.Outcome(path, changed=True, problems=[])
    assert ran == [(path, 0, 2), (path, 1, 2), (path, 2, 2)]
    stored = path.read_bytes()
    made = execution.read(path)
    assert [cell.outputs[0].text for cell in made.cells[1:]] == ["coursekit is ready.\n", "42\n"]
    (second,) = execution.refresh([path], jobs=1)
    assert not second.changed
    assert path.read_bytes() == stored


def test_refresh_leaves_a_failing_notebook_as_it_was(course):
    good, bad = (course / "notebooks" / name for name in ("01_x.ipynb", "02_y.ipynb"))
    nbformat.write(notebook(new_code_cell("a = 1"), new_code_cell("a / 0")), bad)
    stored = bad.read_bytes()
    outcomes = execution.refresh([good, bad], jobs=2)
    assert [outcome.changed for outcome in outcomes] == [True, False]
    assert outcomes[1].problems == ["code cell 3 failed with ZeroDivisionError: division by zero"]
    assert bad.read_bytes() == stored
    assert sorted(one.name for one in bad.parent.iterdir()) == ["01_x.ipynb", "02_y.ipynb"]


def test_refresh_notices_a_kernel_that_died(course):
    path = course / "notebooks" / "01_x.ipynb"
    nbformat.write(notebook(new_code_cell("import os; os._exit(1)")), path)
    (outcome,) = execution.refresh([path], jobs=1)
    assert outcome.problems == ["the kernel died in code cell 2"]


def test_refresh_does_not_overwrite_an_edit_made_meanwhile(course):
    path = course / "notebooks" / "01_x.ipynb"

    def edit(*_):
        path.write_text(path.read_text().replace("6 * 7", "6 * 8"))

    (outcome,) = execution.refresh([path], jobs=1, on_cell=edit)
    assert "changed while it ran" in outcome.problems[0]
    assert "6 * 8" in path.read_text()


def test_gpu_cells_keep_their_output_where_there_is_no_gpu(course, monkeypatch):
    monkeypatch.setenv("COURSEKIT_GPU", "0")
    cuda_present.cache_clear()
    path = course / "notebooks" / "01_x.ipynb"
    stored = new_code_cell("1 / 0", metadata={"tags": ["gpu"]}, execution_count=2)
    stored.outputs = [printed("NVIDIA X: 3 times faster\n")]
    nbformat.write(notebook(stored, new_code_cell("print(2)")), path)
    (outcome,) = execution.refresh([path], jobs=1)
    cuda_present.cache_clear()
    made = execution.read(path)
    assert outcome.problems == []
    assert made.cells[2].outputs[0].text == "NVIDIA X: 3 times faster\n"
    assert [cell.execution_count for cell in made.cells[1:]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "reason"), [("not json", "not a Jupyter notebook"), ("[1]", "not a Jupyter notebook")]
)
def test_reading_what_is_no_notebook_is_one_sentence(tmp_path, text, reason):
    path = tmp_path / "x.ipynb"
    path.write_text(text)
    with pytest.raises(CourseError, match=reason):
        execution.read(path)
    with pytest.raises(CourseError, match="does not exist"):
        execution.read(tmp_path / "y.ipynb")
    with pytest.raises(CourseError, match="cannot be read"):
        execution.read(tmp_path)


def test_a_refreshed_notebook_says_when_and_where_it_ran(course):
    path = course / "notebooks" / "01_x.ipynb"
    (outcome,) = execution.refresh([path], jobs=1)
    assert outcome.problems == []
    verified = execution.read(path).metadata.coursekit.verified
    assert verified.on == date.today().isoformat()
    assert f"Python {platform.python_version()}" in verified.versions
    assert f"NumPy {np.__version__}" in verified.versions
    assert "cores" in verified.machine


def test_no_gpu_is_named_that_is_not_there(monkeypatch):
    """COURSEKIT_GPU=1 makes the cells run; it does not make a GPU."""
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        monkeypatch.setenv("COURSEKIT_GPU", "1")
        gpu_name.cache_clear()
        assert gpu_name() is None
        gpu_name.cache_clear()
