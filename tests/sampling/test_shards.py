"""Dealing an order out to ranks: laws, and PyTorch's DistributedSampler index for index."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError
from coursekit.sampling import shard

sizes = st.integers(1, 60)
worlds = st.integers(1, 9)


@given(sizes, worlds, st.integers(0, 99))
def test_kept_shards_are_a_partition(num_examples, world_size, seed):
    order = np.random.default_rng(seed).permutation(num_examples)
    shards = [shard(order, rank, world_size, uneven="keep") for rank in range(world_size)]
    assert sorted(np.concatenate(shards)) == list(range(num_examples))
    lengths = [len(one) for one in shards]
    assert max(lengths) - min(lengths) <= 1


@given(sizes, worlds)
def test_padding_repeats_the_start_and_dropping_loses_the_end(num_examples, world_size):
    rounds = -(-num_examples // world_size)
    padded = [shard(range(num_examples), rank, world_size) for rank in range(world_size)]
    counts = np.bincount(np.concatenate(padded), minlength=num_examples)
    assert {len(one) for one in padded} == {rounds}
    assert counts.sum() - num_examples == rounds * world_size - num_examples
    assert (np.diff(counts) <= 0).all()  # who is repeated stands at the start
    dropped = [
        shard(range(num_examples), rank, world_size, uneven="drop") for rank in range(world_size)
    ]
    seen = num_examples - num_examples % world_size
    assert sorted(np.concatenate(dropped)) == list(range(seen))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("num_examples", "world_size"), [(10, 4), (12, 4), (3, 8), (897, 8)])
def test_equals_the_sampler_of_pytorch(num_examples, world_size, shuffle, drop_last):
    data = pytest.importorskip("torch.utils.data")
    import torch

    for epoch in (0, 1):
        order = np.arange(num_examples)
        if shuffle:
            generator = torch.Generator().manual_seed(5 + epoch)
            order = torch.randperm(num_examples, generator=generator).numpy()
        for rank in range(world_size):
            theirs = data.DistributedSampler(
                range(num_examples), world_size, rank, shuffle=shuffle, seed=5, drop_last=drop_last
            )
            theirs.set_epoch(epoch)
            mine = shard(order, rank, world_size, uneven="drop" if drop_last else "pad")
            if drop_last and num_examples < world_size:
                continue  # the sampler has an assertion of its own there
            assert mine.tolist() == list(theirs)


def test_what_it_refuses():
    with pytest.raises(CourseError, match="rank=4 of world_size=4; use 0 to 3"):
        shard(range(10), 4, 4)
    assert shard([], 0, 2).tolist() == []
