import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.data import running_example
from coursekit.errors import BatchSizeError, ShapeError
from coursekit.gradients import (
    all_batch_means,
    exact_moments,
    exact_moments_fractions,
    num_batches,
    squared_error_gradients,
    variance_with_replacement,
    variance_without_replacement,
)

ROUNDING = 1e-13  # relative; a few hundred float64 operations


@pytest.fixture
def gradients():
    data = running_example()
    return squared_error_gradients(data.features, data.targets, [0, 0], 0)


@st.composite
def small_cases(draw):
    """(rows of small integers, batch_size, replacement) with at most a few thousand batches."""
    num_examples, num_params = draw(st.integers(1, 7)), draw(st.integers(1, 3))
    entries = st.lists(st.integers(-9, 9), min_size=num_params, max_size=num_params)
    rows = draw(st.lists(entries, min_size=num_examples, max_size=num_examples))
    replacement = draw(st.booleans())
    batch_size = draw(st.integers(1, 4 if replacement else num_examples))
    return np.array(rows), batch_size, replacement


def test_listing_gives_each_pair_its_mean():
    means = all_batch_means([[1.0], [2.0], [4.0]], 2)
    assert means.tolist() == [[1.5], [2.5], [3.0]]
    ordered = all_batch_means([[1.0], [3.0]], 2, replacement=True)
    assert ordered.tolist() == [[1.0], [2.0], [2.0], [3.0]]


def test_listing_in_several_chunks_is_complete():
    rows = np.random.default_rng(0).normal(size=(18, 2))
    means = all_batch_means(rows, 7)
    assert len(means) == math.comb(18, 7) > 1 << 14
    expected = [rows[list(batch)].mean(axis=0) for batch in itertools.combinations(range(18), 7)]
    np.testing.assert_allclose(means, expected, atol=1e-15)


def test_variances_of_the_running_example_worked_by_hand(gradients):
    sizes = (1, 2, 4, 8)
    without = [exact_moments(gradients, size).variance[0] for size in sizes]
    with_it = [exact_moments(gradients, size, replacement=True).variance[0] for size in sizes]
    np.testing.assert_allclose(without, [112.671875, 48.287946, 16.095982, 0], atol=1e-6)
    np.testing.assert_allclose(with_it, [112.671875, 56.3359375, 28.16796875, 14.083984375])


def test_the_28_pairs_of_the_running_example_one_by_one(gradients):
    means = all_batch_means(gradients, 2)
    assert len(means) == 28
    assert means.mean(axis=0).tolist() == [-11.125, -6.5625, -5.625]
    assert means[:, 0].var() == pytest.approx(48.287946, abs=1e-6)


@given(case=small_cases())
def test_moments_are_those_of_the_list_of_all_batches(case):
    rows, batch_size, replacement = case
    means = all_batch_means(rows, batch_size, replacement=replacement)
    moments = exact_moments(rows, batch_size, replacement=replacement)
    assert moments.num_batches == len(means)
    np.testing.assert_allclose(moments.mean, means.mean(axis=0), atol=1e-13)
    away = means - means.mean(axis=0)
    np.testing.assert_allclose(moments.covariance, away.T @ away / len(means), atol=1e-12)


@given(case=small_cases())
def test_fractions_equal_the_list_and_the_laws_with_no_tolerance(case):
    rows, batch_size, replacement = case
    fractions = [[Fraction(int(entry)) for entry in row] for row in rows]
    means = all_batch_means(fractions, batch_size, replacement=replacement)
    moments = exact_moments_fractions(rows, batch_size, replacement=replacement)
    expectation = means.sum(axis=0) / Fraction(len(means))
    assert (moments.mean == expectation).all()
    assert (moments.mean == sum(np.array(fractions)) / Fraction(len(rows))).all()
    away = means - expectation
    assert (moments.variance == (away * away).sum(axis=0) / Fraction(len(means))).all()
    if replacement:
        law = variance_with_replacement(_population_variance(fractions), batch_size)
    else:
        law = variance_without_replacement(
            _population_variance(fractions), batch_size, num_examples=len(rows)
        )
    assert (moments.variance == law).all()


def _population_variance(fractions):
    rows = np.array(fractions, dtype=object)
    away = rows - rows.sum(axis=0) / Fraction(len(rows))
    return (away * away).sum(axis=0) / Fraction(len(rows))


def test_fractions_never_become_floats(gradients):
    moments = exact_moments_fractions(gradients, 3)
    assert all(type(entry) is Fraction for entry in moments.mean)
    assert all(type(entry) is Fraction for entry in moments.covariance.flat)
    assert moments.mean.tolist() == [Fraction(-89, 8), Fraction(-105, 16), Fraction(-45, 8)]


@pytest.mark.parametrize(("num_examples", "batch_size"), [(40, 20), (300, 32), (101, 100)])
def test_far_past_listing_the_moments_follow_the_law(num_examples, batch_size):
    rows = np.random.default_rng(0).normal(size=(num_examples, 8)) + 3.0
    moments = exact_moments(rows, batch_size)
    assert moments.num_batches == math.comb(num_examples, batch_size)
    np.testing.assert_allclose(moments.mean, rows.mean(axis=0), rtol=ROUNDING)
    law = variance_without_replacement(
        np.cov(rows.T, bias=True), batch_size, num_examples=num_examples
    )
    scale = np.abs(law).max()
    np.testing.assert_allclose(moments.covariance, law, atol=ROUNDING * scale, rtol=0)


@pytest.mark.slow
def test_counts_too_large_for_a_float_are_no_obstacle():
    rows = np.random.default_rng(0).normal(size=(1100, 1))
    assert exact_moments(rows, 5, replacement=True).num_batches == 1100**5
    moments = exact_moments(rows[:, :1], 1099)
    assert moments.num_batches == 1100
    wide = exact_moments(np.arange(1100.0)[:, None], 120, replacement=True)
    assert wide.num_batches == 1100**120  # above 1e308, the largest float
    assert wide.variance[0] == pytest.approx((1100**2 - 1) / 12 / 120, rel=1e-12)


def test_an_absurd_list_is_refused_with_its_length_and_a_way_out():
    rows = np.ones((40, 2))
    with pytest.raises(BatchSizeError, match=r"C\(40, 20\) = 137,846,528,820 .* exact_moments"):
        all_batch_means(rows, 20)
    with pytest.raises(BatchSizeError, match=r"40\*\*5 = 102,400,000"):
        all_batch_means(rows, 5, replacement=True)


@pytest.mark.parametrize("function", [all_batch_means, exact_moments])
@pytest.mark.parametrize(("batch_size", "replacement"), [(0, False), (0, True), (4, False)])
def test_batches_that_cannot_be_drawn_are_refused(function, batch_size, replacement):
    with pytest.raises(BatchSizeError):
        function(np.ones((3, 1)), batch_size, replacement=replacement)
    assert num_batches(3, 4, replacement=True) == 81


@pytest.mark.parametrize("shape", [(3,), (0, 2), (3, 0), (2, 2, 2)])
def test_anything_but_a_table_is_refused(shape):
    with pytest.raises(ShapeError, match="num_examples, num_params"):
        exact_moments(np.ones(shape), 1)


def test_the_laws_worked_by_hand():
    assert [variance_with_replacement(112.671875, size) for size in (1, 2, 4, 8)] == [
        112.671875,
        56.3359375,
        28.16796875,
        14.083984375,
    ]
    law = [variance_without_replacement(Fraction(7), size, num_examples=8) for size in (1, 2, 4, 8)]
    assert law == [7, 3, 1, 0]
    assert variance_without_replacement(0.0, 1, num_examples=1) == 0


def test_the_laws_refuse_batches_that_cannot_be():
    with pytest.raises(BatchSizeError):
        variance_with_replacement(1.0, 0)
    with pytest.raises(BatchSizeError, match="sample with replacement"):
        variance_without_replacement(1.0, 9, num_examples=8)
