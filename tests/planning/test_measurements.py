"""Memory, noise and trials, each against a second road."""

from __future__ import annotations

import math
import time
from itertools import pairwise

import pytest
import torch

from coursekit.errors import BatchSizeError, CourseError
from coursekit.gradients import noise_scale
from coursekit.planning.budget import Budget
from coursekit.planning.memory import bytes_of_step, measure_memory
from coursekit.planning.noise import (
    PER_EXAMPLE,
    TWO_BATCHES,
    mean_noise,
    measure_noise,
    why_not_per_example,
)
from coursekit.planning.records import NoiseAt
from coursekit.planning.steps import Steps
from coursekit.planning.trials import best_of, run_trial, search
from coursekit.planning.workload import Workload, as_workload
from coursekit.pytorch.per_example import gradients_by_loop

from .workloads import NoMemoryAbove, each_cross_entropy, images, mlp, network


@pytest.fixture
def steps():
    return Steps(as_workload(mlp()), seed=0)


def plenty() -> Budget:
    return Budget(1000.0, time.perf_counter)


def weights(steps: Steps) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(steps.workload.model.parameters()).detach().clone()


def test_memory_of_few_examples_predicts_that_of_all(steps):
    memory = measure_memory(steps, limit_bytes=1e6, budget=plenty())
    assert memory.straight
    assert max(size for size, _ in memory.points) < 400
    assert bytes_of_step(steps, 400) == pytest.approx(memory.model.bytes(400), rel=0.02)
    assert memory.model.bytes(memory.largest) <= 1e6 < memory.model.bytes(memory.largest + 1)


def test_no_batch_is_run_that_needs_more_than_half_of_the_limit(steps):
    at_64 = bytes_of_step(steps, 64)
    memory = measure_memory(steps, limit_bytes=1.0 * at_64, budget=plenty())
    assert max(found for _, found in memory.points) <= at_64 / 2 * 1.1
    with pytest.raises(BatchSizeError, match="not one example fits"):
        measure_memory(steps, limit_bytes=1000.0, budget=plenty())


def test_exact_noise_is_that_of_all_gradients_one_by_one(steps):
    found = measure_noise(steps, step=0, num_examples=400, largest=64, method=PER_EXAMPLE)
    work = steps.workload
    rows = gradients_by_loop(work.model, work.loss_fn, *work.dataset)
    table = torch.cat([part.flatten(1) for part in rows.values()], dim=1).double().numpy()
    assert found.examples == pytest.approx(noise_scale(table), rel=1e-4)  # float32 gradients
    assert found.low == found.examples == found.high


def test_two_batch_sizes_agree_with_gradients_one_by_one(steps):
    before = weights(steps)
    exact = measure_noise(steps, step=0, num_examples=400, largest=64, method=PER_EXAMPLE)
    found = measure_noise(steps, step=0, num_examples=400, largest=64, method=TWO_BATCHES)
    sampled = measure_noise(steps, step=0, num_examples=390, largest=64, method=PER_EXAMPLE)
    for estimate in (found, sampled):
        assert estimate.low < exact.examples < estimate.high
    assert torch.equal(weights(steps), before)
    assert all(p.grad is None for p in steps.workload.model.parameters())


def test_why_a_model_has_no_gradients_of_single_examples(steps):
    assert why_not_per_example(steps) is None
    coupled = torch.nn.Sequential(torch.nn.BatchNorm1d(64), network(64, 10))
    reason = why_not_per_example(Steps(Workload(coupled, each_cross_entropy, images()), seed=0))
    assert "BatchNorm1d in training mode" in reason


def test_a_mean_over_moments_needs_more_than_half_of_them():
    known, hidden = NoiseAt(0, 10.0, 8.0, 12.0), NoiseAt(1, None, None, None)
    noise = mean_noise([known, NoiseAt(1, 30.0, 20.0, 60.0), hidden], method="m", because="")
    assert (noise.examples, noise.low, noise.high) == (20.0, 14.0, 36.0)
    assert mean_noise([known, hidden], method="m", because="").examples is None
    assert mean_noise([], method="m", because="").examples is None


def test_a_trial_starts_where_training_starts_and_can_be_repeated(steps):
    start = weights(steps)
    settings = {"batch_size": 32, "num_steps": 20, "budget": plenty()}
    first = run_trial(steps, learning_rate=0.5, **settings)
    assert not torch.equal(weights(steps), start)
    assert run_trial(steps, learning_rate=0.5, **settings) == first
    steps.restart()
    assert torch.equal(weights(steps), start)


def test_passes_of_a_few_examples_give_the_step_of_the_whole_batch(steps):
    settings = {"batch_size": 50, "learning_rate": 0.5, "num_steps": 5, "budget": plenty()}
    run_trial(steps, **settings)
    whole = weights(steps)
    steps.largest = 16  # 16, 16, 16 and 2
    run_trial(steps, **settings)
    assert torch.allclose(weights(steps), whole, atol=1e-5)  # float32, other order of additions


def test_the_best_rate_has_a_worse_one_on_each_side(steps):
    trials = search(steps, batch_size=32, around=0.05, num_steps=30, budget=plenty(), until=1.0)
    rates = [trial.learning_rate for trial in trials]
    best = best_of(trials)
    assert rates == sorted(rates)
    assert min(rates) < best.learning_rate < max(rates)
    assert all(b == 2 * a for a, b in pairwise(rates))


def test_a_diverged_trial_has_no_finite_loss_and_the_search_turns_round(steps):
    wild = run_trial(steps, batch_size=32, learning_rate=1e6, num_steps=30, budget=plenty())
    assert math.isinf(wild.loss)
    assert wild.steps < 30
    trials = search(steps, batch_size=32, around=1e3, num_steps=30, budget=plenty(), until=1.0)
    assert best_of(trials).learning_rate < 10
    assert best_of([wild]) is None


def test_a_trial_that_the_budget_cuts_short_is_none(steps):
    now = iter(range(100))
    budget = Budget(5.0, lambda: float(next(now)))
    assert run_trial(steps, batch_size=32, learning_rate=0.1, num_steps=30, budget=budget) is None
    with pytest.raises(CourseError, match="seconds=0; a plan needs some time"):
        Budget(0, time.perf_counter)


def test_out_of_memory_is_one_sentence_with_the_size():
    full = Steps(Workload(NoMemoryAbove(20), each_cross_entropy, images()), seed=0)
    full.gradient(full.first(20))
    with pytest.raises(CourseError, match="ran out of memory at a micro-batch of 21; other"):
        full.gradient(full.first(21))
