"""The memory model: the example everyone computes, exact limits, and what does not fit."""

import doctest
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError
from coursekit.hardware import MemoryModel, fit_memory_model, memory, training_state_bytes


def test_docstrings_say_what_happens():
    assert doctest.testmod(memory).failed == 0


def test_the_unit_of_the_limit_decides_the_answer():
    model = MemoryModel(2e9, 100e6)
    assert model.largest_batch(16e9) == 140
    assert model.largest_batch(16 * 2**30) == 151


@given(
    fixed=st.integers(0, 10**12),
    per_example=st.integers(1, 10**10),
    batch_size=st.integers(1, 10**4),
)
def test_the_largest_batch_fits_and_the_next_does_not(fixed, per_example, batch_size):
    model = MemoryModel(fixed, per_example)
    assert model.largest_batch(model.bytes(batch_size)) == batch_size
    if per_example > 1:
        assert model.largest_batch(model.bytes(batch_size + 1) - 1) == batch_size


def test_a_batch_that_fits_exactly_is_not_lost_to_rounding():
    model = MemoryModel(0.1, 0.1)
    limit = model.bytes(19)
    assert math.floor((limit - 0.1) / 0.1) == 18  # what division alone would say
    assert model.largest_batch(limit) == 19


def test_a_limit_below_one_example_says_what_to_do():
    with pytest.raises(BatchSizeError, match="not one example fits"):
        MemoryModel(2e9, 100e6).largest_batch(2.05e9)


def test_examples_that_cost_nothing_name_no_limit():
    with pytest.raises(BatchSizeError, match="names no largest batch"):
        MemoryModel(2e9, 0).largest_batch(16e9)


def test_a_fit_predicts_a_batch_that_was_never_run():
    model = fit_memory_model([1, 2, 4], [2.1e9, 2.2e9, 2.4e9])
    assert model.bytes(1000) == pytest.approx(102e9)
    assert model.largest_batch(16e9) == 140


def test_a_floor_under_small_batches_is_found_and_does_not_bend_the_line():
    truth = MemoryModel(5000.0, 100.0, floor_bytes=9000.0)
    sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256]
    found = fit_memory_model(sizes, [truth.bytes(size) for size in sizes])
    assert found.fixed_bytes == pytest.approx(5000)
    assert found.bytes_per_example == pytest.approx(100)
    assert found.floor_bytes == pytest.approx(9000)
    assert found.largest_batch(1e6) == 9950


@given(fixed=st.integers(1, 10**6), per_example=st.integers(1, 10**4), count=st.integers(2, 9))
def test_a_plain_line_gets_no_floor(fixed, per_example, count):
    sizes = [2**power for power in range(count)]
    found = fit_memory_model(sizes[::-1], [fixed + per_example * size for size in sizes[::-1]])
    assert found.floor_bytes == 0
    assert found.bytes(10**6) == pytest.approx(fixed + per_example * 10**6, rel=1e-6)


def test_a_floor_above_the_limit_does_not_fit_however_small_the_batch():
    with pytest.raises(BatchSizeError, match="not one example fits"):
        MemoryModel(10.0, 1.0, floor_bytes=100.0).largest_batch(90)


def test_only_the_floor_seen_names_no_largest_batch():
    flat = fit_memory_model([1, 2, 4, 8], [700.0] * 4)
    with pytest.raises(BatchSizeError, match="measure larger batches"):
        flat.largest_batch(1e9)


@pytest.mark.parametrize(("states", "each"), [(0, 8), (1, 12), (2, 16)])
def test_bytes_a_parameter(states, each):
    assert training_state_bytes(1000, optimizer_states=states) == 1000 * each
