import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler, default_collate

from coursekit.pytorch.loaders import RebuiltLoader


def total(examples):
    return default_collate(examples)[0].sum(), len(examples)


@st.composite
def settings_of_a_loader(draw):
    """Every combination of settings that DataLoader accepts, with sizes."""
    num_examples = draw(st.integers(1, 40))
    chosen = {"collate_fn": draw(st.sampled_from([None, list, total]))}
    who = draw(st.sampled_from(["in order", "shuffle", "sampler", "batch_sampler"]))
    index = st.integers(0, num_examples - 1)
    if who == "batch_sampler":
        chosen["batch_sampler"] = draw(st.lists(st.lists(index, min_size=1), max_size=8))
    else:
        chosen["batch_size"] = draw(st.integers(1, num_examples + 3))
        chosen["drop_last"] = draw(st.booleans())
        if who == "sampler":
            chosen["sampler"] = draw(st.lists(index, max_size=30))
        else:
            chosen["shuffle"] = who == "shuffle"
    return num_examples, chosen


def run(make, num_examples, chosen, *, generator_seed, global_seed, epochs=3):
    dataset = TensorDataset(torch.arange(2.0 * num_examples).reshape(-1, 2))
    if generator_seed is not None:
        chosen = {**chosen, "generator": torch.Generator().manual_seed(generator_seed)}
    torch.manual_seed(global_seed)
    loader = make(dataset, **chosen)
    return [list(loader) for _ in range(epochs)], torch.rand(1).item(), len(loader)


def rebuilt(dataset, **chosen):
    if chosen["collate_fn"] is None:
        del chosen["collate_fn"]
    return RebuiltLoader(dataset, **chosen)


@settings(max_examples=300, deadline=None)  # the first call of torch is slow
@given(
    case=settings_of_a_loader(),
    generator_seed=st.none() | st.integers(0, 2**40),
    global_seed=st.integers(0, 2**40),
)
def test_equal_to_dataloader_batch_for_batch_epoch_after_epoch(case, generator_seed, global_seed):
    num_examples, chosen = case
    seeds = {"generator_seed": generator_seed, "global_seed": global_seed}
    ours, our_next_number, our_length = run(rebuilt, num_examples, dict(chosen), **seeds)
    theirs, their_next_number, their_length = run(DataLoader, num_examples, dict(chosen), **seeds)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert our_next_number == their_next_number  # the global generator was used equally often
    assert our_length == their_length


def test_a_random_sampler_of_pytorch_works_in_both():
    dataset = TensorDataset(torch.arange(20))

    def batches(make):
        generator = torch.Generator().manual_seed(5)
        sampler = WeightedRandomSampler([1.0] * 20, 20, generator=generator)
        return [[x.tolist() for (x,) in make(dataset, batch_size=3, sampler=sampler)]] * 2

    assert batches(RebuiltLoader) == batches(DataLoader)


@pytest.mark.parametrize("make", [RebuiltLoader, DataLoader])
def test_the_last_batch_is_kept_unless_told_otherwise(make):
    dataset = TensorDataset(torch.arange(10))
    assert [len(x) for (x,) in make(dataset, batch_size=4)] == [4, 4, 2]
    assert [len(x) for (x,) in make(dataset, batch_size=4, drop_last=True)] == [4, 4]
