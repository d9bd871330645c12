import numpy as np
import pytest

from coursekit.data import Classification
from coursekit.gradients import noise_scale
from coursekit.training.ensemble import train_ensemble
from coursekit.training.network_ensemble import (
    network_gradients,
    network_noise_scales,
    network_scores,
    network_start,
)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return Classification(rng.normal(size=(30, 5)), rng.integers(0, 3, size=30), num_classes=3)


@pytest.fixture
def start(data):
    return network_start(data, hidden=4, members=3, rng=np.random.default_rng(1))


def test_the_gradient_is_the_slope_of_the_loss(data, start):
    everything = np.tile(np.arange(30), (3, 1))
    grads = network_gradients(data)(start, everything)
    rng = np.random.default_rng(2)
    step = 1e-6
    for which, (param, grad) in enumerate(zip(start, grads, strict=True)):
        direction = rng.normal(size=param.shape[1:])
        ends = []
        for sign in (1, -1):
            moved = [*start[:which], param + sign * step * direction, *start[which + 1 :]]
            ends.append(network_scores(moved, data)[0])
        slope = (ends[0] - ends[1]) / (2 * step)
        assert np.allclose(slope, (grad * direction).sum(axis=(1, 2)), rtol=1e-6, atol=1e-9)


def test_the_gradient_is_pytorchs(data, start):
    torch = pytest.importorskip("torch")
    batches = np.array([[0, 1, 2, 3], [4, 5, 6, 7], [8, 8, 9, 9]])
    grads = network_gradients(data)(start, batches)
    for member, batch in enumerate(batches):
        leaves = [torch.tensor(p[member], requires_grad=True) for p in start]
        hidden = torch.relu(torch.tensor(data.features[batch]) @ leaves[0] + leaves[1])
        logits = hidden @ leaves[2] + leaves[3]
        torch.nn.functional.cross_entropy(logits, torch.tensor(data.labels[batch])).backward()
        for leaf, grad in zip(leaves, grads, strict=True):
            assert np.allclose(leaf.grad, grad[member], rtol=0, atol=1e-14)


def test_a_member_does_not_feel_the_others(data, start):
    def trained(params, seed_members):
        rng = np.random.default_rng(3)
        *_, last = train_ensemble(
            network_gradients(data), params, num_examples=30, batch_size=7,
            learning_rate=0.3, epochs=5, rng=rng,
        )  # fmt: skip
        return [p[:seed_members] for p in last]

    together = trained(start, 1)
    by_itself = trained([p[:1] for p in start], 1)
    for one, other in zip(together, by_itself, strict=True):
        assert np.allclose(one, other, rtol=0, atol=1e-12)


def test_training_lowers_the_loss_and_raises_the_accuracy(data, start):
    before, right_before = network_scores(start, data)
    *_, last = train_ensemble(
        network_gradients(data), start, num_examples=30, batch_size=5,
        learning_rate=0.2, epochs=40, rng=np.random.default_rng(0),
    )  # fmt: skip
    after, right_after = network_scores(last, data)
    assert (after < 0.7 * before).all()
    assert (right_after > right_before).all()


def test_the_noise_scale_without_per_example_gradients_is_that_with_them(data, start):
    scales = network_noise_scales(start, data)
    one_by_one = [network_gradients(data)(start, np.full((3, 1), i)) for i in range(30)]
    for member, scale in enumerate(scales):
        rows = [np.concatenate([g[member].ravel() for g in grads]) for grads in one_by_one]
        assert scale == pytest.approx(noise_scale(rows), rel=1e-10)
