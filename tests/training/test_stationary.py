"""The stationary variance: the fixed point of its own recursion, and what a simulation finds."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError, CourseError
from coursekit.training.stationary import stationary_variance


@given(
    pull=st.floats(0.01, 1.99),
    curvature=st.floats(0.01, 100),
    noise=st.floats(0, 100),
    size=st.integers(1, 512),
)
def test_one_more_step_leaves_it_where_it_is(pull, curvature, noise, size):
    rate = pull / curvature
    variance = stationary_variance(rate, size, curvature=curvature, gradient_variance=noise)
    after = (1 - rate * curvature) ** 2 * variance + rate**2 * noise / size
    assert after == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize(("rate", "size"), [(0.1, 1), (0.4, 4), (0.8, 4)])
def test_what_a_simulation_with_real_batches_finds(rate, size):
    rng = np.random.default_rng(0)
    targets = rng.normal(
        size=50
    )  # each with loss (w - target)²: curvature 2, gradient 2(w - target)
    w, runs = np.zeros(20_000), 20_000
    for _ in range(150):
        w = w - rate * 2 * (w - targets[rng.integers(50, size=(runs, size))].mean(axis=1))
    law = stationary_variance(rate, size, curvature=2.0, gradient_variance=4 * targets.var())
    # four standard errors of a variance over 20 000 runs of about normal values
    assert ((w - targets.mean()) ** 2).mean() == pytest.approx(law, rel=4 * math.sqrt(2 / runs))


@pytest.mark.parametrize("rate", [0.0, 1.0, 2.0, -0.1, math.nan])
def test_nothing_is_stationary_at_the_limit(rate):
    with pytest.raises(CourseError, match="above 0 and below 2"):
        stationary_variance(rate, 1, curvature=2.0, gradient_variance=1.0)


def test_an_empty_batch_is_refused():
    with pytest.raises(BatchSizeError, match="batch_size=0"):
        stationary_variance(0.1, 0, curvature=1.0, gradient_variance=1.0)
