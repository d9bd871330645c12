from fractions import Fraction
from itertools import islice, permutations, product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError, CourseError
from coursekit.sampling import batches, buffered, emission_chances, shuffled_stream

small = st.integers(1, 40)


def rng(seed=0):
    return np.random.default_rng(seed)


@given(num_items=st.integers(0, 60), buffer_size=small, seed=st.integers(0, 2**32))
def test_every_item_comes_out_once_and_none_more_than_the_buffer_early(
    num_items, buffer_size, seed
):
    out = list(shuffled_stream(range(num_items), buffer_size, rng=rng(seed)))
    assert sorted(out) == list(range(num_items))
    assert all(item - place <= buffer_size - 1 for place, item in enumerate(out))


def test_a_buffer_of_one_changes_nothing():
    assert list(shuffled_stream("sorted", 1, rng=rng())) == list("sorted")


def test_the_stream_is_read_only_as_it_goes():
    read = []
    stream = (read.append(i) or i for i in range(1_000_000))
    list(islice(shuffled_stream(stream, 10, rng=rng()), 5))
    assert len(read) <= 10 + 5


def chances_by_listing(num_items, buffer_size):
    """Every sequence of places that can be drawn, each with its probability, as fractions."""
    held = [min(buffer_size, num_items - t) for t in range(num_items)]
    weight = Fraction(1, prod(held))
    chances = [[Fraction(0)] * num_items for _ in range(num_items)]
    for places in product(*[range(size) for size in held]):
        buffer, waiting = list(range(held[0])), list(range(held[0], num_items))
        for t, place in enumerate(places):
            chances[t][buffer.pop(place)] += weight
            buffer.extend(waiting[:1])
            waiting = waiting[1:]
    return chances


@pytest.mark.parametrize("buffer_size", [1, 2, 3, 5, 9])
def test_the_law_is_what_listing_every_outcome_gives(buffer_size):
    listed = np.array(chances_by_listing(5, buffer_size), dtype=float)
    assert np.allclose(emission_chances(5, buffer_size), listed, atol=1e-15)


def test_the_law_is_what_the_buffer_does():
    runs, num_items, buffer_size = 20_000, 8, 3
    seen = np.zeros((num_items, num_items))
    generator = rng(1)
    for _ in range(runs):
        out = list(shuffled_stream(range(num_items), buffer_size, rng=generator))
        seen[np.arange(num_items), out] += 1
    law = emission_chances(num_items, buffer_size)
    allowed = 5 * np.sqrt(law * (1 - law) / runs)
    assert (np.abs(seen / runs - law) <= allowed).all()


@given(num_items=small, buffer_size=small)
def test_each_output_is_one_item_and_each_item_one_output(num_items, buffer_size):
    law = emission_chances(num_items, buffer_size)
    assert np.allclose(law.sum(axis=0), 1)
    assert np.allclose(law.sum(axis=1), 1)


def test_a_full_buffer_shuffles_evenly():
    assert np.allclose(emission_chances(7, 7), 1 / 7)
    assert np.allclose(emission_chances(7, 100), 1 / 7)
    draws, generator = 6000, rng(2)
    seen = dict.fromkeys(permutations(range(3)), 0)
    for _ in range(draws):
        seen[tuple(shuffled_stream(range(3), 3, rng=generator))] += 1
    chi_squared = sum((count - draws / 6) ** 2 / (draws / 6) for count in seen.values())
    assert chi_squared < 20.5  # 99.9 % of chi squared with 5 degrees of freedom


def test_in_mid_stream_an_item_comes_out_on_average_where_it_stood():
    num_items, buffer_size = 600, 20
    places = np.arange(num_items) @ emission_chances(num_items, buffer_size)
    middle = np.arange(buffer_size, num_items - 20 * buffer_size)
    assert np.allclose(places[middle], middle, atol=1e-5)


def test_it_is_an_order_that_batches_accepts():
    first, second = batches(10, 10, order=buffered(4), epochs=2, rng=rng())
    assert sorted(first) == sorted(second) == list(range(10))
    assert not np.array_equal(first, second)
    assert first.dtype == np.int64


@pytest.mark.parametrize(
    "call",
    [
        lambda: buffered(0),
        lambda: shuffled_stream([], 0, rng=rng()),
        lambda: emission_chances(3, -1),
    ],
)
def test_a_buffer_without_a_place_is_refused_at_the_call(call):
    with pytest.raises(BatchSizeError, match="at least 1 place"):
        call()


def test_a_missing_rng_is_noticed_at_the_call():
    with pytest.raises(CourseError, match="a shuffle buffer draws random numbers"):
        batches(5, 2, order=buffered(3))
