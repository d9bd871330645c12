"""The tiled road against the definition: over generated shapes, and by hand where it is small."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.attention import Running, attention, online_average, softmax, tiled_attention
from coursekit.errors import CourseError, ShapeError

ROUNDING = 1e-12  # a few hundred float64 operations on numbers near 1


@st.composite
def cases(draw):
    """Inputs and settings: ragged tiles, grouped heads, offsets that hide whole rows, n = 1."""
    batch = draw(st.sampled_from([(), (1,), (2,)]))
    kv_heads, group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    n, m = draw(st.integers(1, 33)), draw(st.integers(1, 33))
    head_dim, width = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    spread = draw(st.sampled_from([0.1, 1.0, 30.0]))
    query = spread * rng.normal(size=(*batch, kv_heads * group, n, head_dim))
    key = rng.normal(size=(*batch, kv_heads, m, head_dim))
    value = rng.normal(size=(*batch, kv_heads, m, width))
    causal = draw(st.booleans())
    rules = {"causal": causal, "offset": draw(st.integers(-n - 1, m + 1)) if causal else 0}
    tiles = {"query_tile": draw(st.integers(1, 40)), "kv_tile": draw(st.integers(1, 40))}
    return (query, key, value), rules, tiles


def row_by_row(query, key, value, causal, offset):
    """One head, one row at a time, with Python's own exponential and sum."""
    output, log_sums = np.zeros((len(query), value.shape[1])), np.full(len(query), -np.inf)
    for i, row in enumerate(query):
        seen = range(min(len(key), i + offset + 1)) if causal else range(len(key))
        scores = [math.fsum(row * key[j]) / math.sqrt(len(row)) for j in seen]
        if scores:
            weights = [math.exp(score - max(scores)) for score in scores]
            total = math.fsum(weights)
            log_sums[i] = max(scores) + math.log(total)
            output[i] = sum(w / total * value[j] for w, j in zip(weights, seen, strict=True))
    return output, log_sums


@settings(max_examples=300)
@given(case=cases())
def test_tiles_give_the_definition_s_answer_on_any_shape(case):
    inputs, rules, tiles = case
    expected = attention(*inputs, **rules)
    output, _ = tiled_attention(*inputs, **rules, **tiles)
    assert output.shape == expected.shape
    np.testing.assert_allclose(output, expected, rtol=0, atol=ROUNDING)


@settings(max_examples=60)
@given(case=cases())
def test_both_give_what_single_rows_give(case):
    (query, key, value), rules, tiles = case
    output, log_sum_exp = tiled_attention(query, key, value, **rules, **tiles)
    q, k, v = (each.reshape(-1, *each.shape[-2:]) for each in (query, key, value))
    for head in range(len(q)):
        kv_head = head // (len(q) // len(k))
        expected, sums = row_by_row(q[head], k[kv_head], v[kv_head], **rules)
        np.testing.assert_allclose(
            output.reshape(-1, *output.shape[-2:])[head], expected, atol=ROUNDING
        )
        np.testing.assert_allclose(
            log_sum_exp.reshape(-1, len(q[0]))[head], sums, atol=1e-11  # scores of size 100
        )  # fmt: skip


def test_a_row_worked_by_hand():
    """Scores ln 1, ln 2, ln 5: weights 1/8, 2/8, 5/8."""
    key = np.log([[1.0], [2.0], [5.0]])
    value = [[8.0, 0.0], [4.0, 8.0], [1.6, 8.0]]
    for output in (attention([[1.0]], key, value), tiled_attention([[1.0]], key, value)[0]):
        np.testing.assert_allclose(output, [[3.0, 7.0]], atol=1e-15)
    _, log_sum_exp = tiled_attention([[1.0]], key, value, kv_tile=2)
    assert log_sum_exp == pytest.approx(math.log(8), abs=1e-15)


def test_one_query_after_a_cache_sees_all_of_it_and_nothing_later():
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(size=(2, 6, 4)) for _ in range(3))
    whole = attention(query, key, value, causal=True)
    for i in range(6):
        last = query[:, i : i + 1]
        output, _ = tiled_attention(last, key, value, causal=True, offset=i, kv_tile=4)
        np.testing.assert_allclose(output[:, 0], whole[:, i], atol=ROUNDING)


def test_rows_without_keys_are_zero_and_not_nan():
    rng = np.random.default_rng(0)
    query, key, value = (rng.normal(size=(5, 3)) for _ in range(3))
    output, log_sum_exp = tiled_attention(query, key, value, causal=True, offset=-2, query_tile=3)
    assert (output[:2] == 0).all()
    assert log_sum_exp[:2].tolist() == [-np.inf, -np.inf]
    assert np.isfinite(output).all()
    assert (attention(query, key, value, causal=True, offset=-2)[:2] == 0).all()


def test_scores_that_would_overflow_do_not():
    query, key = np.array([[1e4]]), np.array([[1.0], [0.9999], [-1.0]])
    value = np.eye(3)
    output, log_sum_exp = tiled_attention(query, key, value, kv_tile=1)
    expected = np.array([1.0, math.exp(-1.0), 0.0]) / (1 + math.exp(-1.0))
    np.testing.assert_allclose(output[0], expected, atol=1e-11)
    assert log_sum_exp[0] == pytest.approx(1e4 + math.log(1 + math.exp(-1.0)), abs=1e-8)


def test_float32_stays_float32_and_lists_become_float64():
    rng = np.random.default_rng(0)
    single = [rng.standard_normal((2, 65, 16), dtype=np.float32) for _ in range(3)]
    output, log_sum_exp = tiled_attention(*single, query_tile=16, kv_tile=16)
    assert output.dtype == log_sum_exp.dtype == np.float32
    double = attention(*(each.astype(float) for each in single))
    np.testing.assert_allclose(output, double, atol=2e-6)  # float32 sums of 65 terms
    assert attention([[1]], [[2]], [[3]]).dtype == np.float64
    mixed = attention(single[0], *double[None].repeat(2, 0))
    assert mixed.dtype == np.float64


def test_inputs_are_left_alone():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, 9, 4)) for _ in range(3)]
    before = [each.copy() for each in inputs]
    attention(*inputs, causal=True)
    tiled_attention(*inputs, causal=True, query_tile=2, kv_tile=2)
    for each, old in zip(inputs, before, strict=True):
        assert (each == old).all()


@given(
    st.integers(1, 6), st.integers(1, 40), st.integers(1, 45), st.integers(0, 2**32 - 1)
)  # fmt: skip
def test_one_pass_equals_two_for_every_width(n, m, width, seed):
    rng = np.random.default_rng(seed)
    scores, values = 20 * rng.normal(size=(n, m)), rng.normal(size=(m, 3))
    output, log_sum_exp = online_average(scores, values, kv_tile=width)
    np.testing.assert_allclose(output, softmax(scores.copy()) @ values, atol=ROUNDING)
    np.testing.assert_allclose(log_sum_exp, np.logaddexp.reduce(scores, axis=1), atol=1e-11)


@given(st.permutations(range(5)), st.integers(0, 2**32 - 1))
def test_parts_may_be_merged_in_any_order(order, seed):
    rng = np.random.default_rng(seed)
    scores, values = 20 * rng.normal(size=(3, 20)), rng.normal(size=(20, 2))
    parts = []
    for part in range(5):
        columns = slice(4 * part, 4 * part + 4)
        parts.append(Running.empty(3, 2, scores.dtype))
        parts[-1].absorb(scores[:, columns].copy(), values[columns])
    merged = Running.empty(3, 2, scores.dtype)
    for part in order:
        merged.merge(parts[part])
    output, _ = merged.finish()
    np.testing.assert_allclose(output, softmax(scores.copy()) @ values, atol=ROUNDING)


def test_merging_with_nothing_changes_nothing():
    part, nothing = (Running.empty(2, 1, np.dtype(float)) for _ in range(2))
    part.absorb(np.array([[1.0, 2.0], [-np.inf, -np.inf]]), np.array([[1.0], [3.0]]))
    before = part.finish()[0].copy()
    part.merge(nothing)
    assert (part.finish()[0] == before).all()
    assert part.finish()[0][1] == 0


ONE = np.ones((4, 3))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((ONE[0], ONE, ONE), r"at least \(seq_len, head_dim\)"),
        ((ONE[:0], ONE, ONE), "nothing may be empty"),
        ((ONE[:, :2], ONE, ONE), "the same head_dim"),
        ((ONE, ONE, ONE[:2]), "key and value the same"),
        ((ONE[None], ONE, ONE), r"leading shape \(1,\), key and value \(\)"),
        (
            (np.ones((3, 4, 2)), np.ones((2, 4, 2)), np.ones((2, 4, 2))),
            r"leading shape \(3,\), key and value \(2,\)",
        ),
        (
            (np.ones((2, 4, 5, 2)), np.ones((1, 4, 5, 2)), np.ones((1, 4, 5, 2))),
            "the number of heads",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_what_would(inputs, message):
    for road in (attention, tiled_attention):
        with pytest.raises(ShapeError, match=message):
            road(*inputs)


def test_tiles_and_offsets_that_mean_nothing_are_refused():
    with pytest.raises(CourseError, match="kv_tile=0; a tile has at least 1 row"):
        tiled_attention(ONE, ONE, ONE, kv_tile=0)
    with pytest.raises(CourseError, match="set causal too"):
        attention(ONE, ONE, ONE, offset=1)
    with pytest.raises(ShapeError, match=r"\(n, m\) and \(m, d\)"):
        online_average(ONE, ONE, kv_tile=1)
