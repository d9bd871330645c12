"""The whole plan on small models: what it proposes, keeps, leaves alone and refuses."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
import torch
from torch import nn

from coursekit.errors import BatchSizeError, CourseError
from coursekit.planning import Workload, plan

from .workloads import (
    each_cross_entropy,
    images,
    mlp,
    nan_losses,
    network,
    one_loss_for_all,
    out_of_memory,
    wrong_width,
)


@pytest.fixture(scope="module", autouse=True)
def warm():
    """The first optimizer step of a process loads modules for a second or more."""
    model = network(2, 2)
    torch.optim.SGD(model.parameters()).step()


@pytest.fixture(scope="module")
def made():
    return plan(mlp(), seconds=60, memory_bytes=1e9)


def test_the_proposal_follows_from_its_evidence(made):
    advice = made.advice
    assert advice.global_batch_size == (
        advice.micro_batch_size * advice.accumulation_steps * advice.world_size
    )
    best = min(made.predicted, key=lambda pair: pair[1])
    assert best == (advice.global_batch_size, 1.0)
    low, high = advice.batch_range
    assert low <= advice.global_batch_size <= high
    here = [trial for trial in made.trials if trial.batch_size == advice.tried_at]
    plain = min(trial.loss for trial in here if not trial.warmup_steps)
    chosen = [trial for trial in here if trial.learning_rate == advice.learning_rate]
    assert min(trial.loss for trial in chosen) <= plain
    assert made.noise.method == "per-example gradients"
    assert 1.0 <= made.regret < 1.3


def test_it_says_itself_as_table_as_figure_and_as_json(made):
    text = repr(made.table())
    assert "noise scale" in text
    assert str(made.advice.global_batch_size) in text
    shown = made.figure()
    assert f"proposed: 1 at {made.advice.global_batch_size}." in shown.data
    record = json.loads(made.to_json())
    assert record["schema"] == 1
    assert record["advice"]["global_batch_size"] == made.advice.global_batch_size
    assert record["speed"]["model"]["half_batch"] == pytest.approx(made.speed.model.half_batch)
    assert len(record["trials"]) == len(made.trials)


def test_a_loss_that_diverged_is_null_in_json(made):
    assert "Infinity" not in made.to_json()
    assert "NaN" not in made.to_json()


def test_the_model_and_the_random_numbers_are_left_as_they_were():
    model, loss_fn, data = mlp()
    model[0].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.random.get_rng_state()
    plan((model, loss_fn, data), seconds=3)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [model[0].training, model[1].training] == [False, True]
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_batch_that_is_decided_is_only_split():
    made = plan(mlp(), seconds=20, memory_bytes=6e4, world_size=2, global_batch_size=300)
    advice = made.advice
    assert advice.global_batch_size >= 300
    assert advice.micro_batch_size <= made.memory.largest < 150
    assert advice.accumulation_steps > 1
    assert any("2 devices are taken to be like this one" in note for note in made.notes)


def test_layers_that_couple_examples_are_measured_with_two_batch_sizes():
    coupled = nn.Sequential(nn.BatchNorm1d(64), network(64, 16, 10))
    made = plan((coupled, each_cross_entropy, images()), seconds=3)
    assert made.noise.method == "two batch sizes"
    assert any("because layer '0' is a BatchNorm1d" in note for note in made.notes)


def test_without_a_noise_scale_there_is_a_range_and_no_number():
    """Labels drawn at random and a model that cannot see its input: nothing but noise is left."""
    torch.manual_seed(1)
    blind = nn.Linear(3, 2, bias=True)
    nn.init.zeros_(blind.weight)
    nn.init.zeros_(blind.bias)
    inputs = torch.randn(6000, 3)
    labels = torch.arange(6000) % 2
    made = plan((blind, each_cross_entropy, (inputs, labels)), seconds=3)
    advice = made.advice
    assert made.noise.examples is None
    assert advice.global_batch_size is None
    assert advice.micro_batch_size is None
    low, high = advice.batch_range
    assert low == high or made.speed.model.half_batch <= low < high
    assert made.predicted == ()
    words = f"from {low} to {high} all remains open" if low < high else f"only {low} remains open"
    assert any(f"no batch size is proposed: {words}." in note for note in made.notes)
    assert "not found" in repr(made.table())
    for ends, words in [((512, 6000), "512 to 6000 remain"), ((6000, 6000), "only 6000 remains")]:
        ranged = replace(made, advice=replace(advice, batch_range=ends))
        assert f"no noise scale; {words} open" in repr(ranged.table())
    with pytest.raises(CourseError, match="no noise scale"):
        made.figure()


class Slow(nn.Module):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.inner, self.seconds = network(64, 10), seconds

    def forward(self, inputs):
        until = time.perf_counter() + self.seconds
        while time.perf_counter() < until:
            pass
        return self.inner(inputs)


def test_the_budget_is_kept_by_a_slow_model():
    start = time.perf_counter()
    made = plan((Slow(0.004), each_cross_entropy, images()), seconds=8)
    assert time.perf_counter() - start < 8 + 1  # a step and a batch of the noise, and some air
    assert made.seconds < 8 + 1
    assert made.noise.moments


def test_a_budget_that_reaches_for_no_trial_gives_no_learning_rate():
    made = plan((Slow(0.01), each_cross_entropy, images()), seconds=2)
    assert made.advice.learning_rate is None
    assert made.advice.warmup_steps is None
    assert any("so no learning rate is proposed" in note for note in made.notes)


def test_a_budget_that_reaches_for_nothing_is_refused():
    with pytest.raises(CourseError, match="give more --seconds, more memory or a smaller model"):
        plan((Slow(0.2), each_cross_entropy, images()), seconds=1)


@pytest.mark.parametrize(
    ("workload", "sentence"),
    [
        (nan_losses, "the loss of the untrained model on 2 examples is nan; look for"),
        (wrong_width, "failed on a batch of 2 examples .RuntimeError: .*shapes cannot be multipl"),
        (one_loss_for_all, r"loss_fn returned shape \(\) for 2 examples; .* reduction='none'"),
        (out_of_memory, "ran out of memory at a micro-batch of 32; other programs"),
    ],
)
def test_what_the_model_does_wrong_is_one_sentence(workload, sentence):
    with pytest.raises(CourseError, match=sentence) as caught:
        plan(workload(), seconds=5)
    assert "\n" not in str(caught.value)


def test_counts_that_make_no_sense():
    with pytest.raises(CourseError, match="world_size=0"):
        plan(mlp(), world_size=0)
    with pytest.raises(BatchSizeError, match="global_batch_size=500; it must lie between"):
        plan(mlp(), global_batch_size=500)
    with pytest.raises(CourseError, match="seconds=-1"):
        plan(mlp(), seconds=-1)


def test_a_workload_brings_its_own_optimizer():
    model, loss_fn, data = mlp()
    made = plan(Workload(model, loss_fn, data, torch.optim.AdamW), seconds=20)
    assert 0.001 in [trial.learning_rate for trial in made.trials]  # where the search begins

    def broken(params, learning_rate):
        raise TypeError("no such option")

    with pytest.raises(CourseError, match=r"the optimizer cannot be made .TypeError: no such opt"):
        plan(Workload(model, loss_fn, data, broken), seconds=4)
