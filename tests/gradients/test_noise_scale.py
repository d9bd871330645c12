import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError, CourseError, ShapeError
from coursekit.gradients import (
    all_batch_means,
    covariance_trace,
    estimate_noise_scale,
    exact_moments,
    gradient_diversity,
    noise_scale,
)


def test_worked_by_hand():
    rows = [[1.0, 0.0], [3.0, 4.0]]  # mean (2, 2), |G|² = 8; variances 1 and 4
    assert covariance_trace(rows) == 5.0
    assert noise_scale(rows) == 5 / 8


@given(seed=st.integers(0, 2**32))
def test_the_trace_is_that_of_the_covariance_matrix(seed):
    rows = np.random.default_rng(seed).normal(size=(9, 4))
    assert covariance_trace(rows) == pytest.approx(np.trace(np.cov(rows.T, bias=True)))


def test_at_the_noise_scale_noise_equals_signal():
    rows = np.array([[1.0], [1.0], [7.0], [-1.0]])  # mean 2, variance 9: scale 9/4
    rows = np.concatenate([rows - 2.0, [[0.0]] * 5]) + 1.0  # mean 1, variance 36/9 = 4
    assert noise_scale(rows) == 4.0
    moments = exact_moments(rows, 4, replacement=True)
    assert moments.variance[0] == pytest.approx(moments.mean[0] ** 2)


def test_without_a_mean_gradient_there_is_no_ratio():
    with pytest.raises(CourseError, match="exactly 0"):
        noise_scale([[1.0], [-1.0]])


def test_gradients_that_repeat_have_diversity_1_over_n_and_orthogonal_ones_1():
    assert gradient_diversity([[2.0, 1.0]] * 5) == pytest.approx(1 / 5)
    assert gradient_diversity(np.eye(5)) == pytest.approx(1.0)


@given(seed=st.integers(0, 2**32))
def test_diversity_by_its_definition(seed):
    rows = np.random.default_rng(seed).normal(1.0, 1.0, size=(9, 4))
    by_definition = (rows**2).sum() / (rows.sum(axis=0) ** 2).sum()
    assert gradient_diversity(rows) == pytest.approx(by_definition)


def test_over_all_pairs_of_draws_the_estimate_is_the_noise_scale_itself():
    rows = np.array([[1.0, 0.0], [3.0, 4.0], [-2.0, 1.0]])
    every = [(rows[i], rows[j]) for i in range(3) for j in range(3)]  # with replacement
    small = [(a @ a + b @ b) / 2 for a, b in every]
    big = [(a + b) @ (a + b) / 4 for a, b in every]
    found = estimate_noise_scale(small * 99, big * 99, small_batch=1, big_batch=2)
    assert found.examples == pytest.approx(noise_scale(rows))
    assert found.noise == pytest.approx(covariance_trace(rows))
    assert found.signal == pytest.approx((rows.mean(axis=0) ** 2).sum())


def test_batches_without_replacement_speak_of_the_population_behind_the_examples():
    rows = np.random.default_rng(3).normal(0.5, 1.0, size=(8, 3))
    small, big = ((all_batch_means(rows, b) ** 2).sum(axis=1) for b in (2, 6))
    found = estimate_noise_scale(small, big[: len(small)], small_batch=2, big_batch=6)
    assert found.noise == pytest.approx(np.trace(np.cov(rows.T)))  # divisor N - 1


def squared_norms(rows, batch_size, batches, rng):
    means = rows[rng.integers(len(rows), size=(batches, batch_size))].mean(axis=1)
    return (means**2).sum(axis=1)


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(50, 6)) + 0.7
    truth, covered = noise_scale(rows), 0
    for _ in range(400):
        small, big = (squared_norms(rows, b, 40, rng) for b in (2, 16))
        low, high = estimate_noise_scale(small, big, small_batch=2, big_batch=16).ends
        covered += low <= truth <= high
    assert 0.91 <= covered / 400 <= 0.98  # 0.95 ± 3 standard errors, and 40 pairs are not normal


def test_the_interval_holds_the_ratios_that_a_test_of_their_own_would_not_reject():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(50, 6)) + 0.5
    small, big = (squared_norms(rows, b, 30, rng) for b in (1, 8))
    found = estimate_noise_scale(small, big, small_batch=1, big_batch=8, coverage=0.9)
    noise, signal = (small - big) / (1 - 1 / 8), (8 * big - small) / 7
    for end in found.ends:
        rest = noise - end * signal
        assert abs(rest.mean()) / (rest.std(ddof=1) / np.sqrt(30)) == pytest.approx(
            1.6449, abs=1e-4
        )


def test_a_signal_that_cannot_be_told_from_0_is_refused():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(60, 6))
    rows -= rows.mean(axis=0)
    small, big = (squared_norms(rows, b, 20, rng) for b in (2, 16))
    with pytest.raises(CourseError, match="cannot be told from 0"):
        estimate_noise_scale(small, big, small_batch=2, big_batch=16)


@pytest.mark.parametrize(
    ("small", "big", "sizes", "coverage", "error", "words"),
    [
        ([1.0], [1.0], (1, 2), 0.95, ShapeError, "at least 2 pairs"),
        ([1.0, 2.0], [1.0], (1, 2), 0.95, ShapeError, "one of each per pair"),
        ([1.0, 2.0], [1.0, 2.0], (2, 2), 0.95, BatchSizeError, "two different"),
        ([1.0, 2.0], [1.0, 2.0], (0, 2), 0.95, BatchSizeError, "two different"),
        ([1.0, np.nan], [1.0, 2.0], (1, 2), 0.95, CourseError, "diverged"),
        ([1.0, 2.0], [1.0, 2.0], (1, 2), 1.0, CourseError, "coverage"),
    ],
)
def test_refusals(small, big, sizes, coverage, error, words):
    with pytest.raises(error, match=words):
        estimate_noise_scale(
            small, big, small_batch=sizes[0], big_batch=sizes[1], coverage=coverage
        )
