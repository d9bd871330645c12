import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError, ShapeError
from coursekit.gradients import squared_error_gradients
from coursekit.sampling import batches, in_order, reshuffle, shuffle_once, with_replacement
from coursekit.training.ensemble import ensemble_orders, linear_gradients, train_ensemble


def problem(num_examples=11, num_features=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(num_examples, num_features)), rng.normal(size=num_examples)


def alone(features, targets, start, *, batch_size, learning_rate, epochs, order, rng):
    """One run, one batch at a time, its gradient from the room that teaches it."""
    weights = start
    for batch in batches(len(targets), batch_size, order=order, epochs=epochs, rng=rng):
        rows = squared_error_gradients(features[batch], targets[batch], weights, 0.0)
        weights = weights - learning_rate * rows[:, :-1].mean(axis=0)
    return weights


@pytest.mark.parametrize("order", [reshuffle, shuffle_once, with_replacement, in_order])
@given(
    num_examples=st.integers(1, 12),
    batch_size=st.integers(1, 12),
    members=st.integers(1, 4),
    seed=st.integers(0, 2**32),
)
def test_each_member_is_the_run_it_would_have_been_alone(
    order, num_examples, batch_size, members, seed
):
    batch_size = min(batch_size, num_examples)
    features, targets = problem(num_examples)
    starts = np.random.default_rng(seed).normal(size=(members, 3))
    rates = np.linspace(0.01, 0.1, members)
    how = {"batch_size": batch_size, "epochs": 2, "order": order}
    *_, (together,) = train_ensemble(
        linear_gradients(features, targets), [starts], num_examples=num_examples,
        learning_rate=rates, rng=np.random.default_rng(seed), **how,
    )  # fmt: skip
    children = np.random.default_rng(seed).spawn(members)
    for member, rng in enumerate(children):
        expected = alone(
            features, targets, starts[member], learning_rate=rates[member], rng=rng, **how
        )
        assert np.allclose(together[member], expected, rtol=0, atol=1e-12)


def test_more_members_leave_the_earlier_ones_alone():
    few = next(ensemble_orders(reshuffle, 30, members=2, rng=np.random.default_rng(4)))
    many = next(ensemble_orders(reshuffle, 30, members=5, rng=np.random.default_rng(4)))
    assert np.array_equal(few, many[:2])
    assert not np.array_equal(many[0], many[1])


def test_one_epoch_is_yielded_at_a_time_and_the_start_is_kept():
    features, targets = problem()
    start = [np.zeros((2, 3))]
    epochs = list(
        train_ensemble(
            linear_gradients(features, targets), start, num_examples=11, batch_size=4,
            learning_rate=0.05, epochs=3, rng=np.random.default_rng(0),
        )
    )  # fmt: skip
    assert len(epochs) == 3
    assert not np.array_equal(epochs[0][0], epochs[1][0])
    assert (start[0] == 0).all()


@pytest.mark.parametrize(
    ("params", "rate"),
    [([np.zeros((2, 3)), np.zeros((3, 3))], 0.1), ([np.zeros((2, 3))], [0.1, 0.1, 0.1])],
)
def test_members_must_agree(params, rate):
    with pytest.raises(ShapeError, match="the members"):
        train_ensemble(
            linear_gradients(*problem()), params, num_examples=11, batch_size=4,
            learning_rate=rate, epochs=1, rng=np.random.default_rng(0),
        )  # fmt: skip


def test_a_batch_size_that_does_not_fit_is_refused_at_the_call():
    with pytest.raises(BatchSizeError, match="with 11 examples"):
        train_ensemble(
            linear_gradients(*problem()), [np.zeros((2, 3))], num_examples=11, batch_size=12,
            learning_rate=0.1, epochs=1, rng=np.random.default_rng(0),
        )  # fmt: skip


def test_a_schedule_and_an_optimizer_are_followed_step_by_step():
    features, targets = problem(10)
    rates = np.array([0.05, 0.1])
    seen = []

    def recorded(params, grads, at):
        seen.append(at.tolist())
        return params

    list(
        train_ensemble(
            linear_gradients(features, targets), [np.zeros((2, 3))], num_examples=10,
            batch_size=4, learning_rate=lambda step: rates * (step + 1), epochs=2,
            optimizer=recorded, rng=np.random.default_rng(0),
        )
    )  # fmt: skip
    assert seen == [(rates * (step + 1)).tolist() for step in range(6)]
