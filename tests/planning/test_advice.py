"""The arithmetic: products, the geometric mean, how flat it is."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError
from coursekit.hardware import TimeModel
from coursekit.planning.advice import (
    Split,
    best_split,
    candidates,
    equally_good,
    regret,
    relative_time,
    split,
)
from coursekit.planning.records import Speed

positive = st.integers(1, 5000)


def speed(knee: float, *, update: float = 0.0, largest: int = 2**20) -> Speed:
    """A step of one unit of time and 1/knee for each example."""
    return Speed(TimeModel(1.0, 1.0 / knee), ((1, 1.0), (largest, 1.0)), (knee, knee), update, 1.0)


@given(positive, st.integers(1, 16), st.integers(1, 600))
def test_a_split_covers_the_batch_in_the_fewest_passes(batch_size, world_size, largest):
    batch_size = max(batch_size, world_size)
    cut = split(batch_size, world_size=world_size, largest=largest)
    product = cut.micro_batch_size * cut.accumulation_steps * cut.world_size
    assert cut.global_batch_size == product >= batch_size
    assert cut.micro_batch_size <= largest
    assert (cut.accumulation_steps - 1) * largest < math.ceil(batch_size / world_size)
    # one example less in each micro-batch would not have been enough
    assert product - cut.accumulation_steps * cut.world_size < batch_size


def test_a_split_by_hand():
    assert split(1000, world_size=2, largest=128) == Split(125, 4, 2)
    assert split(7, world_size=1, largest=3) == Split(3, 3, 1)  # 9: rounded up
    with pytest.raises(BatchSizeError, match="a global batch of 3 cannot be shared among 4"):
        split(3, world_size=4, largest=8)
    with pytest.raises(BatchSizeError, match="largest=0"):
        split(3, world_size=1, largest=0)


FINE = sorted({round(1.02**power) for power in range(600)})  # 1 to 141,000, in steps of 2 %


@given(st.floats(40, 4000), st.floats(40, 4000), st.integers(1, 8))
def test_the_fastest_batch_is_the_geometric_mean(knee, noise_scale, world_size):
    every = [Split(size, 1, world_size) for size in FINE]
    best = best_split(every, speed(knee), noise_scale).global_batch_size
    assert best == pytest.approx(math.sqrt(world_size * knee * noise_scale), rel=0.03, abs=8)


@given(st.floats(40, 4000), st.floats(40, 4000))
def test_a_noise_scale_three_times_off_costs_little(knee, noise_scale):
    # With x² = knee / noise scale: (x² + 4x + 3) / (x² + 2√3 x + 3), at most 1.0774 at
    # x = √3; the steps of 2 % add a little.
    every = [Split(size, 1, 1) for size in FINE]
    cut = best_split(every, speed(knee), noise_scale)
    assert 1.02 < regret(cut, every, speed(knee), noise_scale) < 1.09 or not (
        0.01 < knee / noise_scale < 100
    )


def test_accumulation_pays_only_for_what_is_paid_once_a_step():
    options = candidates(world_size=1, largest=64, num_examples=4096)
    assert max(cut.accumulation_steps for cut in options) == 64
    free, dear = speed(32, update=0.0), speed(32, update=0.999)
    assert best_split(options, free, 1e4).accumulation_steps == 1
    assert best_split(options, dear, 1e4).accumulation_steps > 1
    once, twice = Split(64, 1, 1), Split(64, 2, 1)
    assert relative_time(twice, free, 0) == 2 * relative_time(once, free, 0)
    assert relative_time(twice, dear, 0) < 1.7 * relative_time(once, dear, 0)


@given(st.integers(1, 8), st.integers(1, 300), st.integers(8, 3000))
def test_candidates_fit_and_go_up_to_the_whole(world_size, largest, num_examples):
    options = candidates(world_size=world_size, largest=largest, num_examples=num_examples)
    sizes = [cut.global_batch_size for cut in options]
    assert sizes == sorted(sizes)
    assert all(cut.micro_batch_size <= largest for cut in options)
    assert sizes[0] == world_size
    assert any(cut.micro_batch_size == min(largest, num_examples // world_size) for cut in options)


def test_equally_good_widens_with_the_interval():
    options = candidates(world_size=1, largest=4096, num_examples=4096)
    narrow = equally_good(options, speed(100), (100,))
    wide = equally_good(options, speed(100), (25, 100, 400))
    assert narrow[0] < 100 < narrow[1]
    assert wide[0] < narrow[0]
    assert wide[1] > narrow[1]
