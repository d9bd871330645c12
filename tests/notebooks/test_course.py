"""The course's own notebooks, as they are stored: fit to publish, and showing today's figures."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest
import yaml

from coursekit.explorables import explorable
from coursekit.notebooks import execution, opening, problems, repository

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted(
    path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
)
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks():
    assert NOTEBOOKS


@every_notebook
def test_a_notebook_is_fit_to_publish(path):
    assert problems(execution.read(path)) == []


@every_notebook
def test_a_notebook_opens_the_course_s_way(path):
    stored = execution.read(path)
    expected = execution.read(path)
    where = path.relative_to(ROOT).as_posix()
    opening.open_the_course_way(expected, address=repository.address(ROOT), path=where)
    same = stored == expected  # the texts themselves would fill pages
    assert same, "run 'coursekit refresh' on it"


@every_notebook
def test_a_notebook_is_stored_in_normal_form(path):
    stored = execution.read(path)
    expected = execution.read(path)
    execution.normalize(expected)
    same = stored == expected  # the texts themselves would fill pages
    assert same, "run 'coursekit refresh' on it"


@every_notebook
def test_stored_interactive_figures_are_the_present_ones(path):
    """nbval does not compare HTML, so an edit to an explorable must show here."""
    for cell in execution.read(path).cells:
        for output in cell.get("outputs", []):
            stored = output.get("data", {}).get("text/html", "")
            found = re.search(r'data-explorable="([\w-]+)"\s+data-state="([^"]*)"', stored)
            if found:
                state = json.loads(html.unescape(found[2]))
                same = output["data"] == explorable(found[1], **state)._repr_mimebundle_()
                assert same, f"{found[1]} changed; run 'coursekit refresh'"


def test_chapters_are_in_the_table_of_contents_and_named_by_their_number():
    contents = yaml.safe_load((ROOT / "_toc.yml").read_text())
    files = [chapter["file"] for part in contents["parts"] for chapter in part["chapters"]]
    chapters = [path for path in NOTEBOOKS if path.parent == ROOT / "notebooks"]
    listed = [name for name in files if name.startswith("notebooks/")]
    assert listed == [f"notebooks/{path.stem}" for path in chapters]
    for path in chapters:
        assert execution.read(path).metadata.coursekit.chapter == path.stem.split("_")[0]
