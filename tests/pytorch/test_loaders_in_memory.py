import io

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, TensorDataset

from coursekit.errors import BatchSizeError, CourseError, ShapeError
from coursekit.pytorch import loaders_in_memory
from coursekit.pytorch.loaders import TensorLoader


@st.composite
def cases(draw):
    num_examples = draw(st.integers(1, 60))
    return num_examples, {
        "batch_size": draw(st.integers(1, num_examples)),
        "shuffle": draw(st.booleans()),
        "drop_last": draw(st.booleans()),
    }


def build(num_examples, seed, **chosen):
    x, y = torch.arange(3.0 * num_examples).reshape(-1, 3), torch.arange(num_examples)
    return TensorLoader(x, y, generator=torch.Generator().manual_seed(seed), **chosen)


def rows(batches):
    return [y.tolist() for _, y in batches]


def through_a_checkpoint(state):
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@settings(deadline=None)  # the first call of torch is slow
@given(case=cases(), seed=st.integers(0, 2**40))
def test_hands_out_what_dataloader_hands_out_epoch_after_epoch(case, seed):
    num_examples, chosen = case
    x, y = torch.arange(3.0 * num_examples).reshape(-1, 3), torch.arange(num_examples)
    generator = torch.Generator().manual_seed(seed)
    theirs = DataLoader(TensorDataset(x, y), generator=generator, **chosen)
    ours = build(num_examples, seed, **chosen)
    for _ in range(3):
        expected = [tuple(batch) for batch in theirs]
        torch.testing.assert_close(list(ours), expected, rtol=0, atol=0)
        assert len(ours) == len(theirs) == len(expected)


def test_many_examples_are_shuffled_as_dataloader_does():
    y = torch.arange(70_003)
    theirs = DataLoader(y, 1000, shuffle=True, generator=torch.Generator().manual_seed(1))
    ours = TensorLoader(
        y, batch_size=1000, shuffle=True, generator=torch.Generator().manual_seed(1)
    )
    for _ in range(2):
        assert torch.equal(torch.cat(list(theirs)), torch.cat([batch for (batch,) in ours]))


@settings(deadline=None)  # the first call of torch is slow
@given(case=cases(), seed=st.integers(0, 2**40), epochs=st.integers(0, 2), data=st.data())
def test_a_run_interrupted_anywhere_continues_with_exactly_the_batches_it_would_have_had(
    case, seed, epochs, data
):
    num_examples, chosen = case
    straight = build(num_examples, seed, **chosen)
    whole = [rows(straight) for _ in range(epochs + 2)]

    interrupted = build(num_examples, seed, **chosen)
    for _ in range(epochs):
        list(interrupted)
    done = data.draw(st.integers(0, len(interrupted)))
    running = iter(interrupted)
    first = [next(running)[1].tolist() for _ in range(done)]
    state = through_a_checkpoint(interrupted.state_dict())

    resumed = build(num_examples, seed + 1, **chosen)  # all randomness comes from the state
    resumed.load_state_dict(state)
    if done < len(interrupted):
        assert first + rows(resumed) == whole[epochs]
    assert rows(resumed) == whole[epochs + 1]


def test_a_state_taken_just_after_loading_is_the_state_that_was_loaded():
    loader = build(7, 0, batch_size=2, shuffle=True)
    list(loader)
    resumed = build(7, 1, batch_size=2, shuffle=True)
    resumed.load_state_dict(loader.state_dict())
    again = build(7, 2, batch_size=2, shuffle=True)
    again.load_state_dict(resumed.state_dict())
    assert rows(again) == rows(loader)


def test_resuming_with_another_batch_size_repeats_and_loses_nothing():
    loader = build(23, 3, batch_size=4, shuffle=True)
    running = iter(loader)
    seen = [next(running)[1] for _ in range(3)]
    resumed = build(23, 0, batch_size=5, shuffle=True)
    resumed.load_state_dict(loader.state_dict())
    seen += [y for _, y in resumed]
    assert torch.cat(seen).sort().values.tolist() == list(range(23))


def test_inside_a_dataloader_it_hands_out_the_same():
    wrapped = DataLoader(build(10, 0, batch_size=4, shuffle=True), batch_size=None)
    assert len(wrapped) == 3
    assert rows(wrapped) == rows(build(10, 0, batch_size=4, shuffle=True))


def test_worker_processes_are_refused_with_the_reason():
    loader = build(10, 0, batch_size=4)
    wrapped = DataLoader(loader, batch_size=None, num_workers=1, multiprocessing_context="fork")
    with pytest.raises(CourseError, match="num_workers=0"):
        list(wrapped)


@pytest.mark.parametrize("block_bytes", [1, 100, 10**9])
def test_the_size_of_a_block_changes_nothing(monkeypatch, block_bytes):
    expected = rows(build(23, 1, batch_size=4, shuffle=True))
    monkeypatch.setattr(loaders_in_memory, "BLOCK_BYTES", block_bytes)
    assert rows(build(23, 1, batch_size=4, shuffle=True)) == expected


def test_writing_into_a_batch_leaves_the_data_alone():
    x = torch.zeros(4)
    for (batch,) in TensorLoader(x, batch_size=2):
        batch += 1
    assert x.tolist() == [0, 0, 0, 0]


def test_without_a_generator_the_global_seed_decides():
    def order(seed):
        torch.manual_seed(seed)
        return rows(TensorLoader(torch.zeros(30), torch.arange(30), batch_size=7, shuffle=True))

    assert order(0) == order(0) != order(1)


def test_unusable_arguments_say_what_came():
    with pytest.raises(ShapeError, match=r"\[3, 4\]"):
        TensorLoader(torch.zeros(3), torch.zeros(4), batch_size=1)
    with pytest.raises(BatchSizeError, match="batch_size=4 with 3"):
        TensorLoader(torch.zeros(3), batch_size=4)
    state = build(3, 0, batch_size=1).state_dict()
    with pytest.raises(CourseError, match=r"3 examples.*4"):
        build(4, 0, batch_size=1).load_state_dict(state)
