import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError, CourseError, ShapeError
from coursekit.sampling import (
    ArrayLoader,
    array_loader,
    batches,
    buffered,
    in_order,
    length_buckets,
    paired_reversal,
    reshuffle,
    shuffle_once,
    weighted,
    with_replacement,
)

ORDERS = {  # each for a number of examples
    "in_order": lambda n: in_order,
    "shuffle_once": lambda n: shuffle_once,
    "reshuffle": lambda n: reshuffle,
    "with_replacement": lambda n: with_replacement,
    "paired_reversal": lambda n: paired_reversal,
    "buffered": lambda n: buffered(5),
    "length_buckets": lambda n: length_buckets(np.arange(n) % 7, 1 + n // 9, window=2),
    "weighted": lambda n: weighted(np.arange(1, n + 1)),
}


@st.composite
def cases(draw, orders=tuple(ORDERS)):
    num_examples = draw(st.integers(1, 60))
    return {
        "num_examples": num_examples,
        "batch_size": draw(st.integers(1, num_examples)),
        "drop_last": draw(st.booleans()),
        "order": ORDERS[draw(st.sampled_from(orders))](num_examples),
        "seed": draw(st.integers(0, 2**32)),
    }


def build(case, **changes):
    case = {**case, **changes}
    x = np.arange(3.0 * case["num_examples"]).reshape(-1, 3)
    return ArrayLoader(
        x,
        np.arange(case["num_examples"]),
        batch_size=case["batch_size"],
        order=case["order"],
        drop_last=case["drop_last"],
        rng=np.random.default_rng(case["seed"]),
    )


def rows(batch_list):
    return [y.tolist() for _, y in batch_list]


@given(case=cases())
def test_same_rng_gives_the_batches_of_the_sampling_function(case):
    loader = build(case)
    epochs = [list(loader) for _ in range(3)]
    expected = batches(
        case["num_examples"],
        case["batch_size"],
        order=case["order"],
        epochs=3,
        drop_last=case["drop_last"],
        rng=np.random.default_rng(case["seed"]),
    )
    handed_out = [batch for epoch in epochs for batch in rows(epoch)]
    assert handed_out == [batch.tolist() for batch in expected]
    assert all(len(epoch) == len(loader) for epoch in epochs)


@given(case=cases())
def test_every_array_is_gathered_with_the_same_rows(case):
    for x, y in build(case):
        np.testing.assert_array_equal(x, 3.0 * y[:, None] + np.arange(3))


@pytest.mark.parametrize("order", ORDERS)
@given(epochs=st.integers(0, 3), data=st.data())
def test_a_run_interrupted_anywhere_continues_with_exactly_the_batches_it_would_have_had(
    order, epochs, data
):
    case = data.draw(cases(orders=[order]))
    straight = build(case)
    whole = [rows(straight) for _ in range(epochs + 2)]

    interrupted = build(case)
    for _ in range(epochs):
        list(interrupted)
    done = data.draw(st.integers(0, len(interrupted)))
    running = iter(interrupted)
    first = [next(running)[1].tolist() for _ in range(done)]
    state = json.loads(json.dumps(interrupted.state_dict()))

    resumed = build(case, seed=case["seed"] + 1)  # all randomness must come from the state
    resumed.load_state_dict(state)
    if done < len(interrupted):
        assert first + rows(resumed) == whole[epochs]
    assert rows(resumed) == whole[epochs + 1]
    assert resumed.state_dict() == straight.state_dict()
    assert rows(resumed) == rows(straight)  # the generators are at the same place


def test_resuming_with_another_batch_size_repeats_and_loses_nothing():
    case = {"num_examples": 23, "batch_size": 4, "drop_last": False, "order": reshuffle, "seed": 3}
    loader = build(case)
    running = iter(loader)
    seen = [next(running)[1] for _ in range(3)]
    resumed = build(case, batch_size=5)
    resumed.load_state_dict(loader.state_dict())
    seen += [y for _, y in resumed]
    assert sorted(np.concatenate(seen)) == list(range(23))


def test_drop_last_holds_after_resuming_with_another_batch_size():
    case = {"num_examples": 10, "batch_size": 4, "drop_last": True, "order": in_order, "seed": 3}
    loader = build(case)
    next(iter(loader))
    resumed = build(case, batch_size=5)
    resumed.load_state_dict(loader.state_dict())
    assert rows(resumed) == [[4, 5, 6, 7, 8]]


def test_no_batch_shares_memory_with_the_data_or_changes_later(monkeypatch):
    monkeypatch.setattr(array_loader, "BLOCK_BYTES", 100)  # several blocks in one epoch
    x = np.arange(40.0)
    kept = [batch for (batch,) in ArrayLoader(x, batch_size=4, order=in_order)]
    for batch in kept:
        assert not np.shares_memory(batch, x)
    np.testing.assert_array_equal(np.concatenate(kept), x)


@pytest.mark.parametrize("block_bytes", [1, 100, 10**9])
def test_the_size_of_a_block_changes_nothing(monkeypatch, block_bytes):
    case = {"num_examples": 23, "batch_size": 4, "drop_last": False, "order": reshuffle, "seed": 1}
    expected = rows(build(case))
    monkeypatch.setattr(array_loader, "BLOCK_BYTES", block_bytes)
    assert rows(build(case)) == expected


def test_the_position_counts_examples_also_at_a_short_last_batch():
    loader = ArrayLoader(np.arange(5), batch_size=2, order=in_order)
    assert [loader.state_dict()["position"] for _ in loader] == [2, 4, 5]


def test_a_loop_left_early_is_followed_by_a_new_epoch():
    case = {"num_examples": 6, "batch_size": 2, "drop_last": False, "order": in_order, "seed": 0}
    loader = build(case)
    next(iter(loader))
    assert rows(loader) == [[0, 1], [2, 3], [4, 5]]


def test_unusable_arguments_say_what_came():
    with pytest.raises(ShapeError, match=r"\[3, 4\]"):
        ArrayLoader(np.zeros(3), np.zeros(4), batch_size=1, order=in_order)
    with pytest.raises(ShapeError, match=r"\[\]"):
        ArrayLoader(batch_size=1)
    with pytest.raises(BatchSizeError, match="batch_size=4 with 3"):
        ArrayLoader(np.zeros(3), batch_size=4, order=in_order)
    with pytest.raises(CourseError, match="rng is None"):
        ArrayLoader(np.zeros(3), batch_size=1)


def test_the_state_of_other_data_is_refused():
    state = ArrayLoader(np.zeros(3), batch_size=1, order=in_order).state_dict()
    with pytest.raises(CourseError, match=r"3 examples.*4"):
        ArrayLoader(np.zeros(4), batch_size=1, order=in_order).load_state_dict(state)


def test_a_state_that_lacks_an_entry_is_refused_and_changes_nothing():
    case = {"num_examples": 6, "batch_size": 2, "drop_last": False, "order": reshuffle, "seed": 0}
    loader = build(case)
    old = {"num_examples": 6, "position": 2, "rng_before_order": {}, "rng_before_epoch": {}}
    with pytest.raises(CourseError, match="no entry epoch; it must come from state_dict"):
        loader.load_state_dict(old)
    assert rows(loader) == rows(build(case))
