"""The ring all-reduce: the sum, the same bits everywhere, its messages, and its cost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.training.ring import chunks_of, ring_all_reduce, ring_seconds, ring_steps

worlds = st.integers(1, 9)
lengths = st.integers(0, 40)


@given(worlds, lengths, st.integers(0, 99))
def test_every_rank_ends_with_the_sum_in_the_same_bits(world_size, length, seed):
    vectors = np.random.default_rng(seed).normal(size=(world_size, length))
    before = vectors.copy()
    held, _ = ring_all_reduce(vectors)
    assert np.abs(held - vectors.sum(axis=0)).max(initial=0) < 1e-13  # K additions near 1
    assert (held == held[0]).all()
    assert (vectors == before).all()


@given(worlds, st.integers(1, 12))
def test_each_rank_sends_its_vector_almost_twice(world_size, chunk):
    _, sent = ring_all_reduce(np.ones((world_size, world_size * chunk)))
    assert (sent == 2 * (world_size - 1) * chunk).all()  # 2(K - 1)/K of K * chunk


@given(worlds)
def test_the_steps_are_a_ring(world_size):
    steps = list(ring_steps(world_size))
    assert len(steps) == 2 * (world_size - 1)
    assert [step.reduces for step in steps] == sorted((s.reduces for s in steps), reverse=True)
    for step in steps:
        assert sorted(step.chunk_of) == list(range(world_size))  # every link carries another chunk


@given(lengths, worlds)
def test_chunks_cover_the_vector_evenly(length, world_size):
    chunks = chunks_of(length, world_size)
    sizes = [chunk.stop - chunk.start for chunk in chunks]
    assert np.concatenate([np.arange(length)[c] for c in chunks]).tolist() == list(range(length))
    assert max(sizes) - min(sizes) <= 1


def test_three_ranks_by_hand():
    held, sent = ring_all_reduce([[1, 2, 3], [10, 20, 30], [100, 200, 300]])
    assert held.tolist() == [[111, 222, 333]] * 3
    assert sent.tolist() == [4, 4, 4]


def test_the_cost_is_flat_in_bytes_and_linear_in_steps():
    cost = ring_seconds(8e6, [1, 2, 4, 1000], latency=0.0, bandwidth=1e6)
    assert cost == pytest.approx([0, 8, 12, 15.984])
    assert ring_seconds(0, 5, latency=2.0, bandwidth=1.0) == 16


def test_what_it_refuses():
    with pytest.raises(ShapeError, match=r"vectors \(3,\); it needs one row for each rank"):
        ring_all_reduce([1, 2, 3])
    with pytest.raises(CourseError, match="world_size=0"):
        list(ring_steps(0))
