"""What is moved: counted while computing, against the formulas and by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.attention import (
    attention,
    keys_outside,
    keys_outside_formula,
    paper_tiles,
    queries_outside,
    queries_outside_formula,
    score_table_bytes,
    standard,
    standard_formula,
)
from coursekit.errors import CourseError

ROUNDING = 1e-12


def one_head(n, d, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, d)) for _ in range(3)]


@given(
    st.integers(1, 40), st.integers(1, 6), st.integers(1, 45), st.integers(1, 45),
    st.integers(0, 2**32 - 1),
)  # fmt: skip
def test_every_way_gives_the_same_answer_and_moves_what_its_formula_says(
    n, d, query_tile, kv_tile, seed
):
    inputs, sizes = one_head(n, d, seed), {"query_tile": query_tile, "kv_tile": kv_tile}
    found = [standard(*inputs), keys_outside(*inputs, **sizes), queries_outside(*inputs, **sizes)]
    for way in found:
        np.testing.assert_allclose(way.output, attention(*inputs), atol=ROUNDING)
    assert [way.total for way in found] == [
        standard_formula(n, d),
        keys_outside_formula(n, d, kv_tile),
        queries_outside_formula(n, d, query_tile),
    ]


def test_four_rows_worked_by_hand():
    """n = 4, d = 1, tiles of 2 rows: two passes."""
    inputs = one_head(4, 1)
    table = standard(*inputs)
    assert (table.read, table.written) == (4 + 4 + 16 + 16 + 4, 16 + 16 + 4)
    tiles = {"query_tile": 2, "kv_tile": 2}
    first = keys_outside(*inputs, **tiles)
    # keys and values once; twice queries, outputs, largest scores, sums; the last three go back
    assert (first.read, first.written) == (8 + 2 * 16, 2 * 12)
    second = queries_outside(*inputs, **tiles)
    assert (second.read, second.written) == (4 + 2 * 8, 4 + 4)


def test_one_tile_for_everything_moves_inputs_and_results_once():
    inputs = one_head(16, 4)
    moved = queries_outside(*inputs, query_tile=16, kv_tile=16)
    assert moved.total == 4 * 16 * 4 + 16


@pytest.mark.parametrize("n", [512, 2048])
@pytest.mark.parametrize("head_dim", [32, 64])
def test_traffic_falls_like_one_over_the_fast_memory(n, head_dim):
    """Dao et al., theorem 2: proportional to n²d²/M between d² and nd."""
    products = []
    for rows in (16, 32, 64, 128):
        memory = 4 * head_dim * rows
        _, kv_tile = paper_tiles(memory, head_dim)
        assert kv_tile == rows
        moved = keys_outside_formula(n, head_dim, kv_tile) - 2 * n * head_dim
        products.append(moved * memory / (n * head_dim) ** 2)
    assert max(products) == pytest.approx(min(products), rel=1e-12)
    assert min(products) > 12  # 4 · 3, and the row sums


def test_paper_tiles_are_the_paper_s():
    assert paper_tiles(100_000, 64) == (64, 391)
    assert paper_tiles(1024, 64) == (4, 4)


def test_ways_take_other_numbers_of_keys():
    rng = np.random.default_rng(0)
    query, key, value = rng.normal(size=(5, 3)), rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
    for way in (keys_outside, queries_outside):
        output = way(query, key, value, query_tile=2, kv_tile=4).output
        np.testing.assert_allclose(output, attention(query, key, value), atol=ROUNDING)


def test_the_table_of_the_course_s_example():
    assert score_table_bytes(32, 32, 2048) == 2**33
    assert score_table_bytes(32, 32, 4096) == 2**35
    assert math.isclose(score_table_bytes(32, 32, 2048) / 1e9, 8.589934592)


def test_tiles_without_rows_are_refused():
    for way in (keys_outside, queries_outside):
        with pytest.raises(CourseError, match="at least 1 row"):
            way(*one_head(4, 1), query_tile=0, kv_tile=2)
