"""The package on the other Pythons that the course supports, with Colab's versions, without torch.

The tests marked ``slow`` repeat an experiment many times; they say nothing about a Python, and run
in the tests' own alone.
"""

import json
import re
import warnings

import pytest

from .colab import CHAPTERS, nox, python_without_the_course, run


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_its_own_tests_the_setup_cell_and_a_live_figure(wheel, version):
    said = nox("--sessions", f"core-{version}")
    python = python_without_the_course(f"core-{version}")
    if python is None:
        warnings.warn(f"Python {version} is not on this machine; not tried there", stacklevel=1)
        return
    assert re.search(r"^[1-9]\d* passed", said, re.MULTILINE), said
    report = run(python, CHAPTERS[0], wheel, "--setup-alone")
    widgets, kinds = json.loads(report["said"])
    assert widgets == "7.7.1"
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} <= set(kinds)


def test_nothing_else_is_in_the_noxfile():
    sessions = [line.split()[1] for line in nox("--list").splitlines() if line.startswith("* ")]
    assert sessions == ["core-3.12", "core-3.13", "colab", "nbgrader"]
