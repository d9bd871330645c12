"""Batch sizes raced to a target loss: the race itself on known curves, then on a real model."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from coursekit.errors import CourseError
from coursekit.planning import plan
from coursekit.planning.advice import candidates
from coursekit.planning.budget import Budget
from coursekit.planning.race import FEWEST_ORDERS, FINALISTS, MOST_ORDERS, Race
from coursekit.planning.records import Trial
from coursekit.planning.steps import Steps
from coursekit.planning.trials import run_trial
from coursekit.planning.workload import as_workload

from .workloads import mlp

TARGET = 0.5


class KnownCurve:
    """Stands for `Tuning`: S(B) = S_min (1 + B_crit / B) steps, and a step of a + cB seconds."""

    def __init__(self, *, critical: float, knee: float, fails_from: int = 10**9) -> None:
        self.critical, self.knee, self.fails_from = critical, knee, fails_from
        self.budget = SimpleNamespace(until=lambda fraction: 1.0)
        self.speed = SimpleNamespace(step_seconds=lambda micro, passes: 1 + micro * passes / knee)
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        self.steps = SimpleNamespace(optimizer=lambda: optimizer)
        self.trials: list[Trial] = []
        self.unlucky: set[int] = set()

    def trial(self, size: int, order: int = 0) -> Trial:
        reached = size < self.fails_from
        steps = math.ceil(1000 * (1 + self.critical / size))
        steps *= 2 if order and size in self.unlucky else 1
        return Trial(size, 0.1, 0, steps, 0.5, reached, order)

    def search(self, size: int, around: float, *, until: float, most: float) -> list[Trial]:
        self.trials.append(self.trial(size))
        return self.trials[-1:]

    def again(self, trial: Trial, *, order: int) -> Trial:
        self.trials.append(self.trial(trial.batch_size, order))
        return self.trials[-1]


OPTIONS = candidates(world_size=1, largest=4096, num_examples=4096)


def race(curve: KnownCurve, begin: int) -> Race:
    curve.trials.append(curve.trial(begin))
    return Race(curve, OPTIONS, curve.trials[0])


def seconds(curve: KnownCurve, size: int) -> float:
    return curve.trial(size).steps * (1 + size / curve.knee)


@pytest.mark.parametrize("critical", [3.0, 40.0, 700.0])
@pytest.mark.parametrize("knee", [5.0, 100.0, 900.0])
@pytest.mark.parametrize(("begin", "predicted"), [(16, 2048), (1024, None), (64, 64)])
def test_the_race_finds_the_fastest_size_within_a_step_of_two(critical, knee, begin, predicted):
    curve = KnownCurve(critical=critical, knee=knee)
    found = race(curve, begin).run(predicted, until=1.0)
    fastest = min(seconds(curve, cut.global_batch_size) for cut in OPTIONS)
    assert seconds(curve, found.batch_size) <= 1.1 * fastest


def test_no_size_is_raced_twice():
    curve = KnownCurve(critical=40, knee=100)
    race(curve, 16).run(2048, until=1.0)
    sizes = [trial.batch_size for trial in curve.trials]
    assert sizes[:2] == [16, 2048]
    assert len(set(sizes)) == len(sizes)


def test_a_size_that_does_not_arrive_never_wins_and_has_no_time():
    curve = KnownCurve(critical=4000, knee=900, fails_from=128)  # larger would be faster
    raced = race(curve, 16)
    assert raced.run(2048, until=1.0).batch_size < 128
    assert max(size for size, _ in raced.times) < 128


def test_times_are_steps_times_seconds_worked_by_hand():
    curve = KnownCurve(critical=64, knee=64)
    raced = race(curve, 64)
    assert raced.times == ((64, 2000 * 2.0),)
    assert raced.equally_good(raced.winner) == (64, 64)


def test_a_lucky_winner_loses_in_other_orders():
    curve = KnownCurve(critical=64, knee=64)
    raced = race(curve, 64)
    winner = raced.run(None, until=1.0)
    curve.unlucky = {winner.batch_size}
    confirmed = raced.confirm(winner)
    assert confirmed.batch_size != winner.batch_size
    assert seconds(curve, confirmed.batch_size) <= 1.5 * seconds(curve, winner.batch_size)


def test_who_falls_behind_drops_out_and_the_rest_runs_on():
    curve = KnownCurve(critical=64, knee=64)
    raced = race(curve, 64)
    winner = raced.run(2048, until=1.0)
    curve.unlucky = {128}
    assert raced.confirm(winner).batch_size == 64
    orders = {
        size: [trial.order for trial in curve.trials if trial.batch_size == size and trial.order]
        for size in (32, 64, 128, 2048)
    }
    assert orders[64] == list(range(1, MOST_ORDERS))
    assert orders[128] == [1]  # 4.5 once and 9 once are more than 1.35 times 4
    assert orders[2048] == []
    assert len([size for size in orders if orders[size]]) <= FINALISTS


def test_a_setting_that_diverges_in_another_order_does_not_win_by_ending_early():
    curve = KnownCurve(critical=64, knee=64)
    raced = race(curve, 64)
    winner = raced.run(None, until=1.0)
    calm = curve.again

    def again(trial: Trial, *, order: int) -> Trial:
        found = calm(trial, order=order)
        if trial.batch_size == winner.batch_size:
            return replace(found, steps=1, loss=math.inf, reached=False)
        return found

    curve.again = again
    assert raced.confirm(winner).batch_size != winner.batch_size


def test_the_race_ends_with_the_budget():
    curve = KnownCurve(critical=40, knee=100)
    curve.budget = SimpleNamespace(until=lambda fraction: 0.0)
    raced = race(curve, 16)
    assert raced.run(2048, until=1.0).batch_size == 16
    assert len(curve.trials) == 1


def test_a_trial_ends_at_the_step_that_a_plain_loop_finds():
    """At this batch size every step is judged, so the plain loop must stop at the same step."""
    steps = Steps(as_workload(mlp()), seed=3)
    steps.largest = 400
    trial = run_trial(
        steps,
        batch_size=400,
        learning_rate=0.4,
        num_steps=500,
        budget=Budget(60, time.perf_counter),
        target_loss=1.0,
    )
    model, _, (inputs, labels) = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.4)
    taken = 0
    while (loss := cross_entropy(model(inputs), labels)).item() > 1.0:
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        taken += 1
    assert trial == replace(trial, steps=taken, reached=True, batch_size=400)
    assert trial.loss <= 1.0


def test_a_trial_that_does_not_arrive_says_so():
    steps = Steps(as_workload(mlp()), seed=3)
    trial = run_trial(
        steps,
        batch_size=32,
        learning_rate=1e-4,
        num_steps=40,
        budget=Budget(60, time.perf_counter),
        target_loss=0.1,
    )
    assert (trial.steps, trial.reached) == (40, False)
    assert trial.loss > 0.1


def test_orders_of_the_examples_differ_and_repeat():
    def firsts(order):
        batch = next(Steps(as_workload(mlp()), seed=0).batches(16, order=order))
        return batch[0].numpy()

    assert np.array_equal(firsts(1), firsts(1))
    assert not np.array_equal(firsts(0), firsts(1))


@pytest.fixture(scope="module")
def told():
    return plan(mlp(), seconds=60, memory_bytes=1e9, target_loss=TARGET)


def test_the_advice_is_a_size_that_was_raced_and_arrived(told):
    advice, times = told.advice, dict(told.raced)
    assert advice.global_batch_size == advice.tried_at
    assert times[advice.global_batch_size] <= 1.5 * min(times.values())
    low, high = advice.batch_range
    assert low <= advice.global_batch_size <= high
    assert told.regret is None
    here = [t for t in told.trials if t.batch_size == advice.tried_at and t.reached]
    assert any(t.learning_rate == advice.learning_rate for t in here)
    assert {t.order for t in here} >= set(range(FEWEST_ORDERS))


def test_the_advice_does_arrive(told):
    advice = told.advice
    steps = Steps(as_workload(mlp()), seed=99)  # an order that the plan has not seen
    steps.largest = told.memory.largest
    trial = run_trial(
        steps,
        batch_size=advice.global_batch_size,
        learning_rate=advice.learning_rate,
        warmup_steps=advice.warmup_steps,
        num_steps=5000,
        budget=Budget(60, time.perf_counter),
        target_loss=TARGET,
    )
    assert trial.reached


def test_it_says_that_it_raced(told):
    text = repr(told.table())
    assert f"raced to a loss of {TARGET}" in text
    assert any("orders of the examples the target came after" in note for note in told.notes)
    assert not any("--target-loss" in note for note in told.notes)
    assert "raced" in told.figure().data
    record = json.loads(told.to_json())
    assert record["target_loss"] == TARGET
    assert len(record["raced"]) == len(told.raced)


def test_without_a_target_the_plan_says_what_one_would_change():
    made = plan(mlp(), seconds=3)
    assert made.raced == ()
    assert any("give --target-loss" in note for note in made.notes)


def test_a_target_that_no_trial_reaches_is_said_and_a_plan_is_made():
    made = plan(mlp(), seconds=4, target_loss=1e-9)
    assert made.raced == ()
    assert any("No trial reached the target loss of 1e-09" in note for note in made.notes)


def test_a_batch_that_is_decided_races_alone():
    made = plan(mlp(), seconds=20, global_batch_size=100, target_loss=TARGET)
    assert made.advice.global_batch_size == 100
    assert [size for size, _ in made.raced] == [100]


def test_the_target_is_judged_in_parts_that_fit():
    model, loss_fn, data = mlp()
    sizes: list[int] = []
    model.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    made = plan((model, loss_fn, data), seconds=8, memory_bytes=6e4, target_loss=TARGET)
    assert max(sizes) <= made.memory.largest < len(data[0])


@pytest.mark.parametrize("target", [math.nan, math.inf, 50.0])
def test_a_target_that_makes_no_sense_is_refused(target):
    with pytest.raises(CourseError, match=r"target_loss=\S+ (give the training|and the untrained)"):
        plan(mlp(), seconds=4, target_loss=target)
