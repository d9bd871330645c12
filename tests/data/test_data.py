import sys

import numpy as np
import pytest

from coursekit.data import digits, linear_regression, running_example
from coursekit.errors import MissingPackageError, ShapeError


def test_the_running_example_is_the_plane_it_says():
    data = running_example()
    x1, x2 = data.features.T
    assert data.num_examples == 8
    np.testing.assert_array_equal(data.targets, 2 * x1 - x2 + 1)
    np.testing.assert_array_equal(data.targets, [2.5, 4, 0, 3.5, 5.5, 1.5, 4, 1.5])


def test_each_call_gives_fresh_arrays():
    running_example().features[:] = 0
    assert running_example().features.any()


def test_linear_regression_without_noise_is_its_truth():
    data = linear_regression(50, 3, noise=0.0, rng=np.random.default_rng(0))
    assert data.features.shape == (50, 3)
    np.testing.assert_array_equal(data.targets, data.features @ data.true_weights + data.true_bias)


def test_linear_regression_noise_is_a_standard_deviation():
    data = linear_regression(20_000, 3, noise=0.5, rng=np.random.default_rng(0))
    residuals = data.targets - data.features @ data.true_weights - data.true_bias
    # The standard error of a standard deviation is about 0.5 / sqrt(2 * 20 000) = 0.0025.
    assert residuals.std() == pytest.approx(0.5, abs=4 * 0.0025)


def test_linear_regression_repeats_with_its_seed():
    first, second = (linear_regression(5, 2, noise=1, rng=np.random.default_rng(7)) for _ in "ab")
    np.testing.assert_array_equal(first.targets, second.targets)


@pytest.mark.parametrize("shape", [(0, 2), (2, 0)])
def test_linear_regression_of_nothing_is_refused(shape):
    with pytest.raises(ShapeError, match="at least 1"):
        linear_regression(*shape, noise=0.0, rng=np.random.default_rng(0))


def test_digits_are_complete_and_scaled():
    pytest.importorskip("sklearn", reason="digits come with scikit-learn")
    data = digits()
    assert data.features.shape == (1797, 64)
    assert data.features.dtype == np.float64
    assert (data.features.min(), data.features.max()) == (0.0, 1.0)
    assert np.array_equal(data.features * 16, np.round(data.features * 16))
    assert np.array_equal(np.unique(data.labels), np.arange(data.num_classes))


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(MissingPackageError, match="pip install scikit-learn"):
        digits()
