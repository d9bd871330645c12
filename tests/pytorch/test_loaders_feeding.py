"""Padding, orders as batch samplers, sharded streams: with and without worker processes."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from coursekit.errors import CourseError
from coursekit.pytorch.loaders import OrderBatchSampler, ShardedStream, pad_collate
from coursekit.sampling import batches, length_buckets, paired_reversal, reshuffle, weighted


def sampler_of(num_examples, batch_size, seed, order=reshuffle, drop_last=False):
    rng = np.random.default_rng(seed)
    return OrderBatchSampler(num_examples, batch_size, order=order, drop_last=drop_last, rng=rng)


@settings(deadline=None)  # the first call of torch is slow
@given(lengths=st.lists(st.integers(0, 9), min_size=1, max_size=6))
def test_padding_keeps_every_token_and_marks_the_rest(lengths):
    examples = [(torch.arange(1, n + 1), row) for row, n in enumerate(lengths)]
    tokens, mask, labels = pad_collate(examples, padding_value=-7)
    assert tokens.shape == mask.shape == (len(lengths), max(lengths))
    assert labels.tolist() == list(range(len(lengths)))
    for row, n in enumerate(lengths):
        assert tokens[row, mask[row]].tolist() == list(range(1, n + 1))
    assert (tokens[~mask] == -7).all()


def test_nothing_to_pad_is_an_error_that_says_so():
    with pytest.raises(CourseError, match="no example"):
        pad_collate([])


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("order", [reshuffle, length_buckets(range(20), 3), weighted(range(20))])
def test_a_dataloader_visits_the_examples_in_the_order_given(order, num_workers):
    sampler = sampler_of(20, 3, 1, order)
    loader = DataLoader(
        TensorDataset(torch.arange(20)),
        batch_sampler=sampler,
        num_workers=num_workers,
        multiprocessing_context="fork" if num_workers else None,
    )
    expected = batches(20, 3, order=order, epochs=2, rng=np.random.default_rng(1))
    seen = [x.tolist() for _ in range(2) for (x,) in loader]
    assert seen == [batch.tolist() for batch in expected]


@settings(deadline=None)
@given(
    num_examples=st.integers(1, 40),
    batch_size=st.integers(1, 40),
    drop_last=st.booleans(),
    order=st.sampled_from([reshuffle, paired_reversal]),
    epochs=st.integers(0, 2),
    data=st.data(),
)
def test_resuming_after_any_step_repeats_and_loses_nothing(
    num_examples, batch_size, drop_last, order, epochs, data
):
    batch_size = min(batch_size, num_examples)
    straight = sampler_of(num_examples, batch_size, 0, order, drop_last)
    whole = [list(straight) for _ in range(epochs + 2)]
    done = data.draw(st.integers(0, len(straight)))
    begun = min(epochs, 1)  # a later loop is the present one from its first batch on
    ahead = data.draw(st.integers(max(done, begun), len(straight)))  # what workers asked for

    sampler = sampler_of(num_examples, batch_size, 0, order, drop_last)
    for _ in range(epochs):
        list(sampler)
    running = iter(sampler)
    for _ in range(ahead):
        next(running)
    resumed = sampler_of(num_examples, batch_size, 9, order, drop_last)
    resumed.load_state_dict(sampler.state_dict(batches_done=done))
    if done < len(straight):
        assert list(resumed) == whole[epochs][done:]
    assert list(resumed) == whole[epochs + 1]


def test_workers_that_ran_ahead_cost_no_example_when_training_resumes():
    def loader(seed):
        sampler = sampler_of(40, 2, seed)
        dataset = TensorDataset(torch.arange(40))
        workers = {"num_workers": 2, "multiprocessing_context": "fork"}
        return DataLoader(dataset, batch_sampler=sampler, **workers)

    uninterrupted = loader(0)
    straight = [x.tolist() for _ in range(2) for (x,) in uninterrupted]
    crashing = loader(0)
    running = iter(crashing)
    seen = [next(running)[0].tolist() for _ in range(3)]
    state = crashing.batch_sampler.state_dict(batches_done=3)
    assert state["position"] == 2 * 3
    assert crashing.batch_sampler.batches_given == 3 + 2 * 2
    del running  # ends the workers

    resumed = loader(7)
    resumed.batch_sampler.load_state_dict(state)
    assert seen + [x.tolist() for _ in range(2) for (x,) in resumed] == straight


def test_a_run_may_be_resumed_twice_in_one_epoch():
    straight = list(sampler_of(20, 2, 0))
    first = sampler_of(20, 2, 0)
    iter(first)
    second = sampler_of(20, 2, 1)
    second.load_state_dict(first.state_dict(batches_done=3))
    running = iter(second)
    next(running)
    third = sampler_of(20, 2, 2)
    third.load_state_dict(second.state_dict(batches_done=4))
    assert list(third) == straight[7:]


# 3 workers on a machine of 2 cores are what is tested here
few_cores = pytest.mark.filterwarnings("ignore:This DataLoader will create")
SHARDS = [range(start, start + 4) for start in range(0, 28, 4)]


def stream(num_workers, seed=None, **more):
    workers = {"num_workers": num_workers, "multiprocessing_context": "fork"} if num_workers else {}
    return DataLoader(ShardedStream(SHARDS, iter, seed=seed), batch_size=3, **workers, **more)


@few_cores
@pytest.mark.parametrize("num_workers", [0, 1, 2, 3])
@pytest.mark.parametrize("seed", [None, 4])
def test_workers_read_every_example_exactly_once(num_workers, seed):
    seen = torch.cat(list(stream(num_workers, seed)))
    assert sorted(seen.tolist()) == list(range(28))


def test_each_epoch_has_its_own_order_of_shards_and_the_same_seed_the_same_orders():
    def epochs(seed):
        dataset = ShardedStream(SHARDS, iter, seed=seed)
        for epoch in range(2):
            dataset.set_epoch(epoch)
            yield list(dataset)

    first, second = epochs(4)
    assert first != second
    assert [first, second] == list(epochs(4)) != list(epochs(5))


def test_persistent_workers_do_not_see_a_later_epoch():
    loader = stream(1, seed=4, persistent_workers=True)
    first = torch.cat(list(loader)).tolist()
    loader.dataset.set_epoch(1)
    assert torch.cat(list(loader)).tolist() == first
