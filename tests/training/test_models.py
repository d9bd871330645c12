"""Models: gradients by hand, by finite differences and by PyTorch's autograd."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.data import running_example
from coursekit.errors import CourseError, ShapeError
from coursekit.gradients import squared_error_gradients, squared_errors
from coursekit.training import LeastSquares, Mlp


def test_least_squares_at_zero_worked_by_hand():
    data = running_example()
    loss, gradient = LeastSquares().loss_and_gradient(np.zeros(3), data.features, data.targets)
    assert loss == 10.65625
    assert gradient.tolist() == [-11.125, -6.5625, -5.625]


@given(seed=st.integers(0, 999), batch_size=st.integers(1, 9), num_features=st.integers(1, 5))
def test_least_squares_is_the_mean_of_the_per_example_closed_forms(seed, batch_size, num_features):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(batch_size, num_features)), rng.normal(size=batch_size)
    params = rng.normal(size=num_features + 1)
    model, (weights, bias) = LeastSquares(), (params[:-1], params[-1])
    loss, gradient = model.loss_and_gradient(params, x, y)
    rows = squared_error_gradients(x, y, weights, bias)
    np.testing.assert_allclose(gradient, rows.mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(model.losses(params, x, y), squared_errors(x, y, weights, bias))
    assert loss == pytest.approx(squared_errors(x, y, weights, bias).mean(), rel=1e-13)


def test_shapes_that_would_broadcast_are_refused():
    data = running_example()
    with pytest.raises(ShapeError, match=r"targets \(8, 1\)"):
        LeastSquares().losses(np.zeros(3), data.features, data.targets[:, None])
    with pytest.raises(ShapeError, match=r"params \(2,\)"):
        LeastSquares().predict(np.zeros(2), data.features)
    with pytest.raises(ShapeError, match=r"this network needs \(27,\)"):
        Mlp(2, 4, 3).logits(np.zeros(26), data.features)


@pytest.fixture
def small():
    rng = np.random.default_rng(0)
    network = Mlp(num_features=5, num_hidden=7, num_classes=4)
    return network, network.initial(rng=rng), rng.normal(size=(6, 5)), rng.integers(0, 4, size=6)


def test_the_network_equals_pytorch(small):
    torch = pytest.importorskip("torch", reason="autograd is the second road here")
    network, params, x, y = small
    parts = [torch.tensor(part, requires_grad=True) for part in network.unpack(params)]
    w1, b1, w2, b2 = parts
    logits = torch.tanh(torch.tensor(x) @ w1 + b1) @ w2 + b2
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor(y), reduction="none")
    losses.mean().backward()
    loss, gradient = network.loss_and_gradient(params, x, y)
    assert loss == pytest.approx(losses.mean().item(), rel=1e-14)
    np.testing.assert_allclose(network.losses(params, x, y), losses.detach(), atol=1e-14)
    by_autograd = np.concatenate([part.grad.numpy().ravel() for part in parts])
    np.testing.assert_allclose(gradient, by_autograd, atol=1e-15)


def test_the_network_gradient_by_finite_differences(small):
    network, params, x, y = small
    _, gradient = network.loss_and_gradient(params, x, y)
    nudges = 1e-5 * np.eye(network.num_params)
    slopes = [
        (network.losses(params + nudge, x, y) - network.losses(params - nudge, x, y)).mean() / 2e-5
        for nudge in nudges
    ]
    np.testing.assert_allclose(gradient, slopes, atol=1e-9)


@pytest.mark.parametrize("method", ["losses", "loss_and_gradient"])
def test_labels_that_would_be_taken_for_others_are_refused(small, method):
    network, params, x, y = small
    call = getattr(network, method)
    for labels, says in ((y[:, None], r"labels \(6, 1\) do not fit 6"), (y[:1], r"labels \(1,\)")):
        with pytest.raises(ShapeError, match=says):
            call(params, x, labels)
    for labels, says in (
        (y - y.max() - 1, "to -1; this network has 4 classes, 0 to 3"),
        (y - y.min() + 4, "labels from 4 to"),
        (y == 0, "labels of dtype bool"),
        (y + 0.5, "labels of dtype float64"),
    ):
        with pytest.raises(CourseError, match=says):
            call(params, x, labels)
    assert network.losses(params, x[:0], y[:0]).shape == (0,)


def test_the_networks_parts_are_views_and_huge_scores_do_not_overflow(small):
    network, params, x, y = small
    assert [part.shape for part in network.unpack(params)] == [(5, 7), (7,), (7, 4), (4,)]
    assert all(np.shares_memory(part, params) for part in network.unpack(params))
    assert np.isfinite(network.losses(1e4 * params, x, y)).all()
    loss, gradient = network.loss_and_gradient(1e4 * params, x, y)
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
