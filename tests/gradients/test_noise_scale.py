import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError
from coursekit.gradients import covariance_trace, exact_moments, noise_scale


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
