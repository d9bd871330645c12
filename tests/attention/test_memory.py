"""Memory measured in processes of their own: only ratios that cannot be close are asserted."""

import pytest

from coursekit.attention import extra_memory
from coursekit.attention.memory import CLEAR
from coursekit.errors import CourseError

pytestmark = pytest.mark.skipif(not CLEAR.exists(), reason="only Linux has /proc/self/clear_refs")

SIZES = {"num_heads": 4, "head_dim": 64}
NUMBERS = 4 * 2048 * 64  # of one of query, key, value and output


def extra(name, seq_len=2048):
    return extra_memory(f"coursekit.attention:{name}", seq_len=seq_len, **SIZES)


def test_the_table_is_found_to_the_byte_it_should_have():
    table = 4 * 4 * 2048**2
    assert table < extra("attention") < 1.1 * table


@pytest.mark.slow
def test_tiles_need_a_fortieth_and_grow_with_the_length_not_its_square():
    tiled = extra("tiled_attention", 4096)
    assert tiled < extra("attention", 4096) / 40
    assert extra("tiled_attention", 8192) < 2.1 * tiled


def test_a_call_that_fails_says_why():
    with pytest.raises(CourseError, match=r"could not be measured: .*no attribute 'atention'"):
        extra("atention")
