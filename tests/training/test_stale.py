"""Stale gradients: the order of events, plain training as delay 0, and the exact limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.sampling import in_order
from coursekit.training.ensemble import linear_gradients, train_ensemble
from coursekit.training.stale import asynchronous, stale_limit, synchronous, train_stale

X = np.random.default_rng(0).normal(size=(24, 3))
Y = X @ [1.0, -2.0, 0.5] + 0.1


def run(delays, *, members=2, learning_rate=0.05, **options):
    return list(
        train_stale(
            linear_gradients(X, Y),
            [np.zeros((members, 3))],
            num_examples=24,
            batch_size=4,
            learning_rate=learning_rate,
            delays=delays,
            rng=np.random.default_rng(1),
            **options,
        )
    )


def test_no_delay_is_plain_training():
    plain = train_ensemble(
        linear_gradients(X, Y),
        [np.zeros((2, 3))],
        num_examples=24,
        batch_size=4,
        learning_rate=0.05,
        epochs=3,
        rng=np.random.default_rng(1),
    )
    ends = run([0] * 18)[5::6]
    assert all((mine[0] == theirs[0]).all() for mine, theirs in zip(ends, plain, strict=True))


def test_a_delayed_gradient_is_the_gradient_of_then():
    delays = [0, 1, 1, 3, 0, 2]
    path = [np.zeros(3), *(params[0][0] for params in run(delays, members=1, order=in_order))]
    for t, delay in enumerate(delays):
        rows = np.arange(4 * t, 4 * t + 4)
        seen = path[t - min(delay, t)]
        gradient = 2 / 4 * (X[rows] @ seen - Y[rows]) @ X[rows]
        assert path[t + 1] == pytest.approx(path[t] - 0.05 * gradient, abs=1e-14)


@given(st.integers(1, 6), st.integers(1, 8), st.integers(0, 99))
def test_workers_deliver_in_order_and_delays_add_up(workers, count, seed):
    durations = np.random.default_rng(seed).uniform(1, 3, size=(workers, count))
    arrivals = asynchronous(durations)
    ends = np.sort(np.cumsum(durations, axis=1).ravel())
    assert arrivals.times == pytest.approx(ends[: len(arrivals.times)])
    assert (np.diff(arrivals.times) >= 0).all()
    assert (arrivals.delays >= 0).all()
    # whoever delivers was overtaken by everything since its last delivery
    assert arrivals.delays.sum() <= (workers - 1) * len(arrivals.delays)


def test_equal_workers_are_always_one_round_behind():
    delays = asynchronous(np.ones((4, 9))).delays
    assert delays[:4].tolist() == [0, 1, 2, 3]
    assert set(delays[4:].tolist()) == {3}


def test_synchronous_workers_wait_for_the_slowest():
    assert synchronous([[1, 5, 1], [2, 1, 1]]).tolist() == [2, 7, 8]


@pytest.mark.parametrize("delay", [0, 1, 2, 5, 12])
def test_the_limit_is_where_the_largest_root_has_size_one(delay):
    """x(t+1) = x(t) - a x(t-k): roots of z^(k+1) - z^k + a, by their companion matrix."""
    for factor, stable in ((0.999, True), (1.001, False)):
        rate = factor * stale_limit(4.0, delay)
        polynomial = np.zeros(delay + 2)
        polynomial[0] = 1.0
        polynomial[1] -= 1.0
        polynomial[-1] += 4.0 * rate
        assert (np.abs(np.roots(polynomial)).max() < 1) == stable


def test_what_it_refuses():
    with pytest.raises(CourseError, match="a delay of -1"):
        run([0, -1])
    with pytest.raises(ShapeError, match=r"durations \(2,\)"):
        asynchronous([1.0, 2.0])
