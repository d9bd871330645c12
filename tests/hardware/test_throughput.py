"""The time model by hand and by invented clocks: no real second is measured here."""

import doctest
import gc
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError
from coursekit.hardware import (
    TimeModel,
    fit_time_model,
    half_batch_interval,
    measure_seconds,
    throughput,
    undisturbed,
)

SIZES = [1, 4, 16, 64, 256, 1024]


def test_docstrings_say_what_happens():
    assert doctest.testmod(throughput).failed == 0


@given(fixed=st.floats(1e-6, 10), per_example=st.floats(1e-9, 1))
def test_at_the_half_batch_throughput_is_half_its_peak(fixed, per_example):
    model = TimeModel(fixed, per_example)
    assert model.throughput(model.half_batch) == pytest.approx(model.peak_throughput / 2)
    assert model.throughput(1e12 * model.half_batch) == pytest.approx(model.peak_throughput)


def test_examples_that_cost_nothing_show_no_knee():
    model = TimeModel(0.5, 0.0)
    assert model.half_batch == math.inf
    assert model.peak_throughput == math.inf
    assert model.throughput(7) == 14


def test_most_rounds_may_be_disturbed():
    law = TimeModel(2e-3, 1e-5)
    rounds = np.tile([law.seconds(size) for size in SIZES], (5, 1))
    rounds[0] *= 10  # three disturbed rounds of five
    rounds[1:3, 3] *= 50
    found = fit_time_model(SIZES, rounds)
    assert found.half_batch == pytest.approx(200)
    assert found.fixed_seconds == pytest.approx(2e-3)


@pytest.mark.slow
def test_the_interval_covers_the_knee_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = np.array([2e-3 + 1e-5 * size for size in SIZES])
    covered = 0
    for _ in range(60):
        rounds = truth * rng.lognormal(0, 0.1, (12, len(SIZES)))
        low, high = half_batch_interval(SIZES, rounds, rng=rng, num_resamples=100)
        covered += low <= 200 <= high
    assert 48 <= covered <= 60  # 57 expected of 60; the bootstrap of 12 rounds is a little narrow


def test_a_machine_that_is_half_of_the_time_half_as_fast_shows_the_same_knee():
    rng = np.random.default_rng(0)
    truth = np.array([2e-3 + 1e-5 * size for size in SIZES])
    knees = [
        fit_time_model(SIZES, truth * rng.choice([1, 2], (15, len(SIZES)))).half_batch
        for _ in range(20)
    ]
    assert np.median(knees) == pytest.approx(200)
    assert 150 <= min(knees) <= max(knees) <= 250


def test_undisturbed_by_hand():
    # The tenth percentile of 11 rounds is the second fastest of each column.
    rounds = np.column_stack([np.arange(11.0), 10 * np.arange(11.0)[::-1]])
    np.testing.assert_allclose(undisturbed(rounds), [1, 10])


def test_without_noise_the_interval_is_a_point():
    rounds = np.tile([2e-3 + 1e-5 * size for size in SIZES], (4, 1))
    low, high = half_batch_interval(SIZES, rounds, rng=np.random.default_rng(0))
    assert low == pytest.approx(200)
    assert high == pytest.approx(200)


def test_a_knee_that_may_be_nowhere_gives_an_interval_without_end():
    rounds = np.ones((4, len(SIZES)))
    rounds[::2] -= np.arange(len(SIZES)) / 100  # falling with B
    assert half_batch_interval(SIZES, rounds, rng=np.random.default_rng(0))[1] == math.inf


@pytest.mark.parametrize("shape", [(6,), (2, 6)])
def test_one_or_two_rounds_say_nothing_about_their_spread(shape):
    with pytest.raises(CourseError, match="3 rounds at least"):
        half_batch_interval(SIZES, np.ones(shape), rng=np.random.default_rng(0))


def test_coverage_is_a_share():
    with pytest.raises(CourseError, match="between 0 and 1"):
        half_batch_interval(SIZES, np.ones((3, 6)), rng=np.random.default_rng(0), coverage=95)


class Invented:
    """A clock that only ``step`` moves, by 3 ms and 20 µs an example."""

    def __init__(self):
        self.now = 0.0
        self.sizes = []
        self.collecting = []

    def step(self, batch_size):
        self.now += 3e-3 + 2e-5 * batch_size
        self.sizes.append(batch_size)
        self.collecting.append(gc.isenabled())

    def clock(self):
        return self.now


def measured(machine, **options):
    return measure_seconds(
        machine.step, SIZES, clock=machine.clock, rng=np.random.default_rng(0), **options
    )


def test_what_the_clock_says_is_what_is_returned():
    seconds = measured(Invented(), rounds=4)
    assert seconds.shape == (4, len(SIZES))
    assert fit_time_model(SIZES, seconds).half_batch == pytest.approx(150)


def test_every_size_has_a_turn_in_every_round_and_orders_differ():
    machine = Invented()
    measured(machine, rounds=3, turn_seconds=0)  # one timed call a turn, one untimed before it
    warm_up, turns = machine.sizes[: 3 * len(SIZES)], machine.sizes[3 * len(SIZES) :]
    assert warm_up == [size for size in SIZES for _ in range(3)]
    assert turns[::2] == turns[1::2]
    orders = [tuple(turns[::2][start : start + 6]) for start in (0, 6, 12)]
    assert [sorted(order) for order in orders] == [SIZES] * 3
    assert len(set(orders)) > 1


def test_short_steps_are_repeated_to_fill_their_turn():
    machine = Invented()
    measured(machine, rounds=1, turn_seconds=0.1)
    assert machine.sizes[18:].count(1) == 1 + round(0.1 / 3.02e-3)
    assert machine.sizes[18:].count(1024) == 1 + round(0.1 / 23.48e-3)


def test_the_garbage_collector_rests_and_comes_back_even_after_an_error():
    machine = Invented()
    measured(machine, rounds=1)
    assert not any(machine.collecting[3 * len(SIZES) :])
    assert gc.isenabled()

    def fails(batch_size):
        if not gc.isenabled():
            raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        measure_seconds(fails, SIZES, rng=np.random.default_rng(0))
    assert gc.isenabled()


@pytest.mark.parametrize(("sizes", "rounds"), [([], 3), ([1, 2], 0)])
def test_nothing_to_measure_is_refused(sizes, rounds):
    with pytest.raises(CourseError, match="at least 1 each"):
        measure_seconds(lambda size: None, sizes, rounds=rounds, rng=np.random.default_rng(0))
