import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.data import linear_regression, running_example
from coursekit.errors import ShapeError
from coursekit.gradients import squared_error_gradients, squared_errors


def test_the_table_of_the_running_example_worked_by_hand():
    data = running_example()
    gradients = squared_error_gradients(data.features, data.targets, [0, 0], 0)
    assert gradients[:, 0].tolist() == [-5, -16, 0, -10.5, -33, -1.5, -20, -3]
    assert gradients.mean(axis=0).tolist() == [-11.125, -6.5625, -5.625]
    assert gradients[:, 0].var() == 112.671875
    losses = squared_errors(data.features, data.targets, [0, 0], 0)
    assert losses.tolist() == [6.25, 16, 0, 12.25, 30.25, 2.25, 16, 2.25]


@given(seed=st.integers(0, 2**32), num_features=st.integers(1, 5))
def test_gradients_agree_with_central_differences(seed, num_features):
    rng = np.random.default_rng(seed)
    data = linear_regression(6, num_features, noise=1.0, rng=rng)
    params, step = rng.normal(size=num_features + 1), 1e-3

    def losses(at):
        return squared_errors(data.features, data.targets, at[:-1], at[-1])

    gradients = squared_error_gradients(data.features, data.targets, params[:-1], params[-1])
    for column, unit in enumerate(np.eye(num_features + 1)):
        difference = losses(params + step * unit) - losses(params - step * unit)
        # Central differences of a quadratic have no truncation error, only rounding.
        np.testing.assert_allclose(difference / (2 * step), gradients[:, column], atol=1e-8)


def test_the_truth_without_noise_has_no_gradient():
    data = running_example()
    assert not squared_error_gradients(
        data.features, data.targets, data.true_weights, data.true_bias
    ).any()


@pytest.mark.parametrize(
    ("features", "targets", "weights"),
    [((8, 2), (7,), (2,)), ((8, 2), (8, 1), (2,)), ((8, 2), (8,), (3,)), ((8,), (8,), (1,))],
)
def test_shapes_that_do_not_fit_are_named(features, targets, weights):
    with pytest.raises(ShapeError, match="do not fit"):
        squared_error_gradients(np.ones(features), np.ones(targets), np.ones(weights), 0.0)
