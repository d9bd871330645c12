from collections import Counter
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError, CourseError
from coursekit.sampling import (
    batches,
    in_order,
    num_steps,
    reshuffle,
    shuffle_once,
    with_replacement,
)

ORDERS = [in_order, shuffle_once, reshuffle, with_replacement]
PERMUTING = [in_order, shuffle_once, reshuffle]


@st.composite
def sizes(draw):
    num_examples = draw(st.integers(1, 60))
    return num_examples, draw(st.integers(1, num_examples))


def rng(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("order", PERMUTING)
@given(sizes=sizes(), epochs=st.integers(0, 3), seed=st.integers(0, 2**32))
def test_every_epoch_visits_each_example_exactly_once(order, sizes, epochs, seed):
    num_examples, batch_size = sizes
    drawn = list(batches(num_examples, batch_size, order=order, epochs=epochs, rng=rng(seed)))
    steps = num_steps(num_examples, batch_size)
    assert len(drawn) == epochs * steps
    for epoch in range(epochs):
        visited = np.concatenate(drawn[epoch * steps : (epoch + 1) * steps])
        assert np.array_equal(np.sort(visited), np.arange(num_examples))


@pytest.mark.parametrize("order", ORDERS)
@given(sizes=sizes(), drop_last=st.booleans(), epochs=st.integers(1, 3))
def test_only_the_last_batch_of_an_epoch_may_be_short(order, sizes, drop_last, epochs):
    num_examples, batch_size = sizes
    full, rest = divmod(num_examples, batch_size)
    epoch = [batch_size] * full + ([rest] if rest and not drop_last else [])
    drawn = batches(
        num_examples, batch_size, order=order, epochs=epochs, drop_last=drop_last, rng=rng()
    )
    assert [len(batch) for batch in drawn] == epoch * epochs


@pytest.mark.parametrize("order", ORDERS)
def test_the_seed_decides_the_batches(order):
    first, second = (
        np.concatenate(list(batches(20, 6, order=order, epochs=2, rng=rng(3)))) for _ in "ab"
    )
    assert np.array_equal(first, second)


def test_shuffle_once_repeats_its_epoch_and_reshuffle_does_not():
    for order, repeats in [(shuffle_once, True), (reshuffle, False), (in_order, True)]:
        first, second = batches(50, 50, order=order, epochs=2, rng=rng())
        assert np.array_equal(first, second) == repeats


def test_changing_a_batch_leaves_later_epochs_alone():
    for order in PERMUTING:
        drawn = batches(5, 5, order=order, epochs=2, rng=rng())
        next(drawn)[:] = 0
        assert sorted(next(drawn)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("order", [reshuffle, shuffle_once])
def test_every_permutation_is_equally_likely(order):
    draws = 6000
    generator = rng(1)
    seen = Counter(tuple(next(batches(3, 3, order=order, rng=generator))) for _ in range(draws))
    assert set(seen) == set(permutations(range(3)))
    chi_squared = sum((count - draws / 6) ** 2 / (draws / 6) for count in seen.values())
    assert chi_squared < 20.5  # 99.9 % of chi squared with 5 degrees of freedom


def test_with_replacement_leaves_out_a_share_of_one_over_e():
    num_examples = 100_000
    (drawn,) = batches(num_examples, num_examples, order=with_replacement, rng=rng())
    missing = 1 - len(np.unique(drawn)) / num_examples
    assert missing == pytest.approx(np.exp(-1), abs=0.005)


def test_updates_per_epoch_worked_by_hand():
    assert [num_steps(1000, batch_size) for batch_size in (1, 32, 1000)] == [1000, 32, 1]
    assert num_steps(1000, 32, drop_last=True) == 31


@pytest.mark.parametrize("batch_size", [0, -1, 6])
def test_a_batch_size_that_does_not_fit_is_refused_at_the_call(batch_size):
    with pytest.raises(BatchSizeError, match="with 5 examples"):
        batches(5, batch_size, rng=rng())


@pytest.mark.parametrize("order", [reshuffle, shuffle_once, with_replacement])
def test_a_missing_rng_is_noticed_at_the_call(order):
    with pytest.raises(CourseError, match=f"{order.__name__} draws random numbers"):
        batches(5, 2, order=order)


def test_a_negative_number_of_epochs_is_refused():
    with pytest.raises(CourseError, match="epochs=-1"):
        batches(5, 2, epochs=-1, rng=rng())


def test_an_order_of_your_own_fits():
    def backwards(num_examples, *, rng):
        return iter([np.arange(num_examples)[::-1]])

    assert [batch.tolist() for batch in batches(3, 2, order=backwards)] == [[2, 1], [0]]
