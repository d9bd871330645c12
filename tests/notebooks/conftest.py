import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from tools.bundle import build_wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The package as a notebook's setup cell gets it."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))
