"""Every chapter from a bare folder, in an environment with Colab's versions, from its setup cell.

PyTorch is that of requirements.txt, on the Python of the tests: Colab's own comes with CUDA. The
setup cells are all the same (test_course.py), so the first chapter's installs for the others too.
"""

import pytest

from .colab import CHAPTERS, nox, python_without_the_course, run


@pytest.fixture(scope="module")
def colab():
    """The Python of the environment with Colab's versions and PyTorch."""
    nox("--sessions", "colab")
    return python_without_the_course("colab")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_as_on_colab(colab, wheel, path):
    report = run(colab, path, wheel)
    assert report["explorables"] >= 1
    assert report["left"] == []
