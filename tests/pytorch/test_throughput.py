"""What is timed is a whole step on a copy; the seconds themselves are not asserted."""

import doctest

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="this times torch")

from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402

from coursekit.errors import ShapeError  # noqa: E402
from coursekit.pytorch import throughput  # noqa: E402
from coursekit.pytorch.throughput import (  # noqa: E402
    first_examples,
    step_seconds,
    tensors_in,
    training_step,
)


def loss(model, batch):
    inputs, labels = batch
    return cross_entropy(model(inputs), labels)


def parts():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    return model, first_examples(torch.randn(10, 6), torch.arange(10) % 3)


def snapshot(model):
    return [tensor.clone() for tensor in model.state_dict().values()]


def test_docstrings_say_what_happens():
    assert doctest.testmod(throughput).failed == 0


def test_seconds_have_a_row_a_round_and_leave_the_model_and_the_threads_as_they_were():
    model, make_batch = parts()
    before, threads = snapshot(model), torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seconds = step_seconds(
            model,
            loss,
            make_batch,
            [2, 20],
            make_optimizer=torch.optim.AdamW,
            rounds=3,
            turn_seconds=1e-4,
            rng=np.random.default_rng(0),
        )
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert seconds.shape == (3, 2)
    assert (seconds > 0).all()
    assert all(torch.equal(*pair) for pair in zip(before, snapshot(model), strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())


def test_it_runs_on_one_thread_and_in_training_mode_even_when_the_step_fails():
    model, make_batch = parts()
    model.eval()
    seen = []

    def spy(model, batch):
        seen.append((torch.get_num_threads(), model.training))
        if len(batch[1]) == 4:
            raise RuntimeError("broken")
        return loss(model, batch)

    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(RuntimeError, match="broken"):
            step_seconds(model, spy, make_batch, [3, 4], rng=np.random.default_rng(0))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert set(seen) == {(1, True)}
    assert not model.training


def test_a_step_is_forward_backward_and_update():
    model, make_batch = parts()
    optimizers = []

    def sgd(params):
        optimizers.append(torch.optim.SGD(params, lr=0.5))
        return optimizers[0]

    step = training_step(model, loss, make_optimizer=sgd)
    by_hand = torch.optim.SGD(model.parameters(), lr=0.5)
    for size in (4, 5):
        step(make_batch(size))
        by_hand.zero_grad()
        loss(model.train(), make_batch(size)).backward()
        by_hand.step()
    copied = optimizers[0].param_groups[0]["params"]
    for ours, hers in zip(copied, model.parameters(), strict=True):
        assert torch.equal(ours, hers)
        assert ours is not hers
        assert ours.grad is None


def test_a_batch_larger_than_the_data_begins_again():
    _, make_batch = parts()
    inputs, labels = make_batch(25)
    assert torch.equal(inputs[:10], inputs[10:20])
    assert torch.equal(labels[20:], labels[:5])


@pytest.mark.parametrize("rows", [0, 3])
def test_data_without_targets_for_each_is_refused(rows):
    with pytest.raises(ShapeError, match="one target for each"):
        first_examples(torch.zeros(rows, 2), torch.zeros(2 if rows else 0))


def test_tensors_are_found_wherever_a_batch_keeps_them():
    one, two, three = torch.ones(1), torch.ones(2), torch.ones(3)
    batch = {"ids": one, "rest": [two, (three, "a string", 7, None)]}
    assert [len(each) for each in tensors_in(batch)] == [1, 2, 3]
    assert list(tensors_in(one)) == [one]
