import math

import numpy as np
import pytest

from coursekit.errors import BatchSizeError, CourseError
from coursekit.gradients import exact_moments, monte_carlo, monte_carlo_batch_means

CHI_SQUARED_999 = {4: 18.5, 5: 20.5, 9: 27.9, 25: 52.6}
"""99.9 % points of the chi-squared distribution, by degrees of freedom."""


def chi_squared(counts, expected):
    return ((counts - expected) ** 2 / expected).sum()


def sets_drawn(num_examples, batch_size, num_batches, *, replacement, seed=0):
    """Each batch as the sum of powers of a base, which tells every multiset apart."""
    powers = np.array([[float((batch_size + 1) ** example)] for example in range(num_examples)])
    means = monte_carlo_batch_means(
        powers, batch_size, num_batches, replacement=replacement, rng=np.random.default_rng(seed)
    )
    return np.round(means[:, 0] * batch_size).astype(int)


@pytest.fixture(params=[None, 64, 1])
def block_entries(request, monkeypatch):
    """The default, several blocks with a shorter last one, and one batch at a time."""
    if request.param:
        monkeypatch.setattr(monte_carlo, "_BLOCK_ENTRIES", request.param)


@pytest.mark.usefixtures("block_entries")
@pytest.mark.parametrize("batch_size", [1, 2, 3, 5])
def test_without_replacement_every_set_is_equally_likely(batch_size):
    draws = 3000
    sets, counts = np.unique(
        sets_drawn(5, batch_size, draws, replacement=False), return_counts=True
    )
    assert len(sets) == math.comb(5, batch_size)
    if len(sets) > 1:
        assert chi_squared(counts, draws / len(sets)) < CHI_SQUARED_999[len(sets) - 1]


@pytest.mark.usefixtures("block_entries")
def test_with_replacement_every_ordered_draw_is_equally_likely():
    sets, counts = np.unique(sets_drawn(3, 2, 3000, replacement=True), return_counts=True)
    assert len(sets) == 6  # 3 doubles, each one ordered draw of 9; 3 mixed pairs, each two
    doubles = np.isin(sets, [2 * 3**example for example in range(3)])
    assert chi_squared(counts, np.where(doubles, 3000 / 9, 6000 / 9)) < CHI_SQUARED_999[5]


@pytest.mark.usefixtures("block_entries")
def test_consecutive_batches_without_replacement_are_independent():
    drawn = sets_drawn(4, 2, 6001, replacement=False)
    for lag in (1, 16):  # 16 batches stand side by side in the middle case
        kinds, numbers = np.unique(drawn, return_inverse=True)
        pairs = np.zeros((len(kinds), len(kinds)))
        np.add.at(pairs, (numbers[:-lag], numbers[lag:]), 1)
        expected = np.outer(pairs.sum(axis=1), pairs.sum(axis=0)) / pairs.sum()
        assert pairs.shape == (6, 6)
        assert chi_squared(pairs, expected) < CHI_SQUARED_999[25]


@pytest.mark.parametrize("replacement", [False, True])
def test_mean_and_covariance_agree_with_the_exact_ones(replacement):
    rows = np.random.default_rng(1).normal(size=(30, 3)) * [1.0, 2.0, 3.0] + 1.0
    draws = 200_000
    means = monte_carlo_batch_means(
        rows, 10, draws, replacement=replacement, rng=np.random.default_rng(2)
    )
    exact = exact_moments(rows, 10, replacement=replacement)
    standard_error = np.sqrt(exact.variance / draws)
    assert (np.abs(means.mean(axis=0) - exact.mean) < 4 * standard_error).all()
    # The relative standard error of a variance is about sqrt(2 / draws) = 0.003.
    np.testing.assert_allclose(means.var(axis=0), exact.variance, rtol=4 * 0.0032)


def test_the_seed_decides():
    rows = np.arange(12.0).reshape(6, 2)
    first, second = (
        monte_carlo_batch_means(rows, 2, 50, replacement=False, rng=np.random.default_rng(5))
        for _ in "ab"
    )
    assert np.array_equal(first, second)


def test_a_full_batch_without_replacement_never_varies():
    rows = np.arange(12.0).reshape(6, 2)
    means = monte_carlo_batch_means(rows, 6, 20, replacement=False, rng=np.random.default_rng(0))
    assert (means == rows.mean(axis=0)).all()


def test_what_cannot_be_drawn_is_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(BatchSizeError):
        monte_carlo_batch_means(np.ones((3, 1)), 4, 10, replacement=False, rng=rng)
    with pytest.raises(CourseError, match="num_batches=0"):
        monte_carlo_batch_means(np.ones((3, 1)), 2, 0, replacement=False, rng=rng)
