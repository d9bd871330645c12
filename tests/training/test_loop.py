"""The loop: the epoch of the source document digit by digit, autograd as a second road, laws."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.data import linear_regression, running_example
from coursekit.errors import BatchSizeError, CourseError, ShapeError
from coursekit.sampling import in_order, num_steps, reshuffle, shuffle_once
from coursekit.training import LeastSquares, train

SEED_ORDER = np.array([1, 5, 0, 7, 2, 4, 3, 6])


def given_order(num_examples, *, rng=None):
    return itertools.repeat(SEED_ORDER)


def one_epoch(**options):
    data = running_example()
    defaults = {"batch_size": 2, "learning_rate": 0.05, "order": given_order}
    steps = train(LeastSquares(), np.zeros(3), data.features, data.targets, **defaults | options)
    return list(steps)


def full_loss(params):
    data = running_example()
    return LeastSquares().losses(params, data.features, data.targets).mean()


def test_the_order_of_the_running_epoch_is_numpys_legacy_seed_42():
    assert np.random.RandomState(42).permutation(8).tolist() == SEED_ORDER.tolist()


def test_the_epoch_of_the_source_document_to_the_printed_digit():
    records = one_epoch()
    assert [record.batch.tolist() for record in records] == [[1, 5], [0, 7], [2, 4], [3, 6]]
    assert [round(record.loss, 3) for record in records] == [9.125, 1.485, 5.388, 0.997]
    assert full_loss(records[0].params) == 10.65625
    assert round(full_loss(records[-1].params_after), 4) == 0.9971
    assert round(100 * (1 - full_loss(records[-1].params_after) / 10.65625), 1) == 90.6


def test_the_first_step_worked_by_hand():
    # Examples 1 and 5 have errors -4 and -1.5 and features (2, 1) and (0.5, 0.5).
    first = one_epoch()[0]
    assert first.loss == (16 + 2.25) / 2
    assert first.gradient.tolist() == [-8 - 0.75, -4 - 0.75, -4 - 1.5]
    np.testing.assert_allclose(first.params_after, [0.4375, 0.2375, 0.275], rtol=1e-15)


def test_one_full_batch_step_at_the_same_rate():
    (only,) = one_epoch(batch_size=8)
    assert sorted(only.batch.tolist()) == list(range(8))
    np.testing.assert_allclose(only.gradient, [-11.125, -6.5625, -5.625])
    assert round(full_loss(only.params_after), 2) == 3.33


def test_each_record_starts_where_the_last_one_ended():
    records = one_epoch(batch_size=3, epochs=4)
    assert [record.step for record in records] == list(range(12))
    assert [record.epoch for record in records] == [0] * 3 + [1] * 3 + [2] * 3 + [3] * 3
    assert [record.num_examples for record in records[:3]] == [3, 3, 2]
    for before, after in itertools.pairwise(records):
        assert (after.params == before.params_after).all()


@pytest.mark.parametrize("drop_last", [False, True])
@given(
    num_examples=st.integers(1, 12),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
    order=st.sampled_from([reshuffle, shuffle_once, in_order]),
)
def test_an_epoch_sees_each_example_once_and_each_step_is_the_mean_gradient(
    drop_last, num_examples, share, seed, order
):
    batch_size = 1 + int(share * (num_examples - 1))
    rng = np.random.default_rng(seed)
    data = linear_regression(num_examples, 3, noise=0.5, rng=rng)
    design = np.column_stack([data.features, np.ones(num_examples)])
    records = list(
        train(
            LeastSquares(), rng.normal(size=4), data.features, data.targets, epochs=2,
            batch_size=batch_size, learning_rate=0.01, order=order, drop_last=drop_last, rng=rng,
        )
    )  # fmt: skip
    steps = num_steps(num_examples, batch_size, drop_last=drop_last)
    assert len(records) == 2 * steps
    for epoch in range(2):
        seen = np.concatenate([record.batch for record in records if record.epoch == epoch])
        assert len(set(seen.tolist())) == len(seen)
        assert drop_last or len(seen) == num_examples
    for record in records:
        rows = [2 * (design[i] @ record.params - data.targets[i]) * design[i] for i in record.batch]
        np.testing.assert_allclose(record.gradient, np.mean(rows, axis=0), atol=1e-12)
        np.testing.assert_allclose(
            record.params_after, record.params - 0.01 * record.gradient, atol=1e-15
        )


def test_pytorch_walks_the_same_way():
    torch = pytest.importorskip("torch", reason="torch is the second road here")
    data = linear_regression(103, 5, noise=0.3, rng=np.random.default_rng(1))
    records = list(
        train(LeastSquares(), np.zeros(6), data.features, data.targets, batch_size=16,
              learning_rate=0.05, epochs=3, rng=np.random.default_rng(2))
    )  # fmt: skip
    linear = torch.nn.Linear(5, 1).double()
    torch.nn.init.zeros_(linear.weight)
    torch.nn.init.zeros_(linear.bias)
    optimizer = torch.optim.SGD(linear.parameters(), lr=0.05)
    features, targets = torch.tensor(data.features), torch.tensor(data.targets)
    for record in records:
        optimizer.zero_grad()
        batch = torch.from_numpy(record.batch.copy())
        loss = torch.nn.functional.mse_loss(linear(features[batch]).squeeze(1), targets[batch])
        loss.backward()
        optimizer.step()
        assert loss.item() == pytest.approx(record.loss, rel=1e-12)
        params = [*linear.weight.tolist()[0], linear.bias.item()]
        np.testing.assert_allclose(params, record.params_after, rtol=0, atol=1e-12)


def test_full_batch_steps_contract_by_the_closed_form():
    # With all examples in the batch, params - best shrinks by (1 - rate * curvature) a step.
    data = running_example()
    design = np.column_stack([data.features, np.ones(8)])
    curvature, axes = np.linalg.eigh(2 * design.T @ design / 8)
    best = np.array([2.0, -1.0, 1.0])
    last = one_epoch(batch_size=8, epochs=50, learning_rate=0.1)[-1]
    expected = best + axes @ ((1 - 0.1 * curvature) ** 50 * (axes.T @ (0 - best)))
    np.testing.assert_allclose(last.params_after, expected, atol=1e-12)


def test_the_loop_is_lazy_and_can_be_left():
    data = running_example()
    steps = train(LeastSquares(), np.zeros(3), data.features, data.targets, batch_size=2,
                  learning_rate=0.05, epochs=10**9, order=in_order)  # fmt: skip
    first_thousand = itertools.islice(steps, 1000)
    assert next(record.step for record in first_thousand if record.loss < 1e-3) > 10


def test_nothing_the_caller_owns_is_changed_and_records_are_read_only():
    start, data = np.zeros(3), running_example()
    records = list(train(LeastSquares(), start, data.features, data.targets, batch_size=2,
                         learning_rate=0.05, order=in_order))  # fmt: skip
    assert start.tolist() == [0, 0, 0]
    start += 1  # still the caller's own, still writable
    assert (data.features == running_example().features).all()
    for array in (records[0].params, records[0].params_after, records[0].gradient):
        with pytest.raises(ValueError, match="read-only"):
            array += 1


def test_what_cannot_work_is_refused_by_the_call_itself():
    data = running_example()
    x, y = data.features, data.targets
    good = {"batch_size": 2, "learning_rate": 0.05, "order": in_order}
    with pytest.raises(ShapeError, match="same number of examples"):
        train(LeastSquares(), np.zeros(3), x[:7], y, **good)
    with pytest.raises(BatchSizeError, match="9"):
        train(LeastSquares(), np.zeros(3), x, y, **good | {"batch_size": 9})
    with pytest.raises(CourseError, match="rng is None"):
        train(LeastSquares(), np.zeros(3), x, y, **good | {"order": reshuffle})
    for rate in (0, -0.1, float("nan"), float("inf")):
        with pytest.raises(CourseError, match="learning_rate"):
            train(LeastSquares(), np.zeros(3), x, y, **good | {"learning_rate": rate})
