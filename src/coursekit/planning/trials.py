"""Short training runs: which learning rate trains fastest, and how noisy its gradients are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..training.schedules import Schedule, constant, linear_warmup
from .budget import Budget
from .records import Trial
from .steps import Steps, check_finite

DIVERGED = 3.0
"""A trial whose loss is this many times the first one has diverged, and ends."""


def run_trial(
    steps: Steps,
    *,
    batch_size: int,
    learning_rate: float,
    num_steps: int,
    budget: Budget,
    warmup_steps: int = 0,
    pauses: Sequence[int] = (),
    at_pause: Callable[[int], None] | None = None,
) -> Trial | None:
    """Train from the start for ``num_steps`` steps; ``at_pause(step)`` looks at moments between.

    None when the budget ended first: half a trial cannot be compared with a whole one.

    Raises
    ------
    CourseError
        When the model fails, or its very first loss is not a number.
    """
    steps.restart()
    schedule = _schedule(learning_rate, warmup_steps)
    optimizer = steps.optimizer(schedule(0))
    batches = steps.batches(batch_size)
    losses: list[float] = []
    for step in range(num_steps):
        if budget.left <= 0:
            return None
        if at_pause is not None and step in pauses:
            at_pause(step)
        for group in optimizer.param_groups:
            group["lr"] = schedule(step)
        losses.append(float(steps.take(optimizer, next(batches))))
        if step == 0:
            check_finite(losses[0], batch_size)
        if not math.isfinite(losses[-1]) or losses[-1] > DIVERGED * losses[0]:
            return Trial(batch_size, learning_rate, warmup_steps, step + 1, math.inf)
    loss = float(np.mean(losses[-max(1, num_steps // 4) :]))
    return Trial(batch_size, learning_rate, warmup_steps, num_steps, loss)


def search(
    steps: Steps, *, batch_size: int, around: float, num_steps: int, budget: Budget, until: float
) -> list[Trial]:
    """Trials at ``around`` and at factors of 2 beside it, on the side where the loss is lower.

    Goes on while the end of the row is the best, so the best has a worse one on each side, unless
    the budget (the fraction ``until``) ends first.
    """
    done: dict[int, Trial] = {}
    left = [0]
    around = float(f"{around:.2g}")

    while left and (not done or budget.until(until)):
        rate = around * 2.0 ** left[0]
        trial = run_trial(
            steps, batch_size=batch_size, learning_rate=rate, num_steps=num_steps, budget=budget
        )
        if trial is None:
            break
        done[left[0]] = trial
        best = min(done, key=lambda power: done[power].loss)
        if math.isinf(done[best].loss):
            left = [min(done) - 2]
        else:
            left = [power for power in (best + 1, best - 1) if power not in done]
    return [done[power] for power in sorted(done)]


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial with the lowest loss; None where all diverged."""
    finite = [trial for trial in trials if math.isfinite(trial.loss)]
    return min(finite, key=lambda trial: trial.loss, default=None)


def _schedule(learning_rate: float, warmup_steps: int) -> Schedule:
    if warmup_steps == 0:
        return constant(learning_rate)
    return linear_warmup(learning_rate, start=learning_rate / warmup_steps, steps=warmup_steps)
