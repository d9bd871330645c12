import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError
from coursekit.sampling import balancing_weights, batches, weighted


@given(weights=st.lists(st.integers(0, 9), min_size=1, max_size=20).filter(any))
def test_an_example_of_weight_zero_is_never_drawn(weights):
    drawn = batches(
        len(weights), 1, order=weighted(weights), epochs=5, rng=np.random.default_rng(0)
    )
    assert all(weights[int(batch[0])] > 0 for batch in drawn)


def test_frequencies_follow_the_weights():
    weights = np.array([1.0, 2.0, 5.0])
    order = weighted(weights)(3, rng=np.random.default_rng(0))
    counts = np.bincount(np.concatenate([next(order) for _ in range(20_000)]), minlength=3)
    expected = 60_000 * weights / weights.sum()
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 13.8  # 0.1 % of draws exceed it with 2 degrees of freedom


@given(labels=st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_balancing_gives_each_class_present_the_same_total_weight(labels):
    weights = balancing_weights(labels)
    totals = [weights[np.equal(labels, label)].sum() for label in set(labels)]
    np.testing.assert_allclose(totals, len(labels) / len(totals))


def test_unusable_arguments_say_what_came():
    for weights in ([-1.0, 2.0], [0.0, 0.0], [[1.0]], [np.nan, 1.0]):
        with pytest.raises(CourseError, match="one finite weight per example"):
            weighted(weights)
    with pytest.raises(CourseError, match="2 weights was asked to order 3"):
        weighted([1, 1])(3, rng=np.random.default_rng(0))
    with pytest.raises(CourseError, match="rng=None"):
        weighted([1, 1])(2, rng=None)
