"""Accumulation in NumPy: any split of a batch gives the gradient of the batch."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.data import linear_regression, running_example
from coursekit.errors import CourseError
from coursekit.training import LeastSquares, Mlp, accumulated_gradient, accumulation, windows

splits = st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any)
seeds = st.integers(0, 2**32 - 1)


def cut(indices, sizes):
    return np.split(indices, np.cumsum(sizes)[:-1])


def test_docstrings_say_what_happens():
    assert doctest.testmod(accumulation).failed == 0


def test_the_running_example_in_ragged_parts_by_hand():
    data = running_example()
    parts = [[4], [0, 1, 2], [3, 5, 6, 7]]
    loss, gradient = accumulated_gradient(
        LeastSquares(), np.zeros(3), data.features, data.targets, parts
    )
    assert loss == 10.65625
    np.testing.assert_array_equal(gradient, [-11.125, -6.5625, -5.625])


@given(sizes=splits, seed=seeds)
def test_any_split_gives_the_gradient_of_the_large_batch(sizes, seed):
    rng = np.random.default_rng(seed)
    count = sum(sizes)
    data = linear_regression(count, 4, noise=0.5, rng=rng)
    labels = rng.integers(0, 3, size=count)
    for model, params, targets in [
        (LeastSquares(), rng.normal(size=5), data.targets),
        (mlp := Mlp(4, 6, 3), mlp.initial(rng=rng), labels),
    ]:
        loss, gradient = accumulated_gradient(
            model, params, data.features, targets, cut(rng.permutation(count), sizes)
        )
        large_loss, large = model.loss_and_gradient(params, data.features, targets)
        assert abs(loss - large_loss) <= 1e-12 * max(1, abs(large_loss))
        assert np.abs(gradient - large).max() <= 1e-12 * max(1, np.abs(large).max())


def test_no_example_is_refused():
    data = running_example()
    for parts in ([], [[]], [np.array([], dtype=int)] * 2):
        with pytest.raises(CourseError, match="no example"):
            accumulated_gradient(LeastSquares(), np.zeros(3), data.features, data.targets, parts)


@given(count=st.integers(0, 40), steps=st.integers(1, 12))
def test_windows_keep_every_micro_batch_in_order(count, steps):
    grouped = list(windows(range(count), steps))
    assert [item for window in grouped for item in window] == list(range(count))
    assert all(len(window) == steps for window in grouped[:-1])
    assert len(grouped) == -(-count // steps)
    assert all(grouped)


def test_windows_read_no_further_than_they_hand_out():
    stream = iter(range(10))
    next(windows(stream, 3))
    assert next(stream) == 3


@pytest.mark.parametrize("steps", [0, -1, 1.5, "2", None, True])
def test_windows_refuse_what_is_no_count_at_once(steps):
    with pytest.raises(CourseError, match="accumulation_steps="):
        windows([], steps)
