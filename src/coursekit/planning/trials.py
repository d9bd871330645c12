"""Training runs to a target loss, or short ones: which learning rate trains fastest."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..training.schedules import Schedule, constant, linear_warmup
from .budget import Budget
from .records import Trial
from .steps import JUDGED, Steps, check_finite

DIVERGED = 3.0
"""A trial whose loss is this many times the first one has diverged, and ends."""
PATIENCE = 1.5
"""A trial that has taken this many times the best so far, and is not there, ends."""


def run_trial(
    steps: Steps,
    *,
    batch_size: int,
    learning_rate: float,
    num_steps: int,
    budget: Budget,
    warmup_steps: int = 0,
    target_loss: float | None = None,
    order: int = 0,
    pauses: Sequence[int] = (),
    at_pause: Callable[[int], None] | None = None,
) -> Trial | None:
    """Train from the start for ``num_steps`` steps, or until ``target_loss`` is reached.

    Looks at the loss by which the target is judged each time that as many examples were trained
    on; between two looks the step is interpolated. ``at_pause(step)`` looks at moments between.

    None when the budget ended first: half a trial cannot be compared with a whole one.

    Raises
    ------
    CourseError
        When the model fails, or its very first loss is not a number.
    """
    steps.restart()
    schedule = _schedule(learning_rate, warmup_steps)
    optimizer = steps.optimizer(schedule(0))
    batches = steps.batches(batch_size, order=order)
    losses: list[float] = []
    every = max(1, JUDGED // batch_size)
    looks = [] if target_loss is None else [(0, steps.judge())]

    def ended(step: int, loss: float, *, reached: bool = False) -> Trial:
        return Trial(batch_size, learning_rate, warmup_steps, step, loss, reached, order)

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
            return ended(step + 1, math.inf)
        if target_loss is not None and (step + 1) % every == 0:
            looks.append((step + 1, steps.judge()))
            if looks[-1][1] <= target_loss:
                return ended(
                    _crossing(looks[-2], looks[-1], target_loss), looks[-1][1], reached=True
                )
    last = looks[-1][1] if looks else float(np.mean(losses[-max(1, num_steps // 4) :]))
    return ended(num_steps, last)


def search(
    steps: Steps,
    *,
    batch_size: int,
    around: float,
    num_steps: int,
    budget: Budget,
    until: float,
    target_loss: float | None = None,
) -> list[Trial]:
    """Trials at ``around`` and at factors of 2 beside it, on the side where training is faster.

    Goes on while the end of the row is the best, so the best has a worse one on each side, unless
    the budget (the fraction ``until``) ends first.
    """
    done: dict[int, Trial] = {}
    left = [0]
    around = float(f"{around:.2g}")

    while left and (not done or budget.until(until)):
        trial = run_trial(
            steps,
            batch_size=batch_size,
            learning_rate=around * 2.0 ** left[0],
            num_steps=num_steps,
            budget=budget,
            target_loss=target_loss,
        )
        if trial is None:
            break
        done[left[0]] = trial
        best = min(done, key=lambda power: done[power].cost)
        if done[best].reached:
            num_steps = min(num_steps, math.ceil(PATIENCE * done[best].steps))
        if math.isinf(done[best].loss):
            left = [min(done) - 2]
        else:
            left = [power for power in (best + 1, best - 1) if power not in done]
    return [done[power] for power in sorted(done)]


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial with the fewest steps to the target, or the lowest loss; None if all diverged."""
    finite = [trial for trial in trials if math.isfinite(trial.loss)]
    return min(finite, key=lambda trial: trial.cost, default=None)


def _crossing(before: tuple[int, float], after: tuple[int, float], target: float) -> int:
    """The step at which a straight line between two looks falls to the target, rounded up."""
    (first, high), (last, low) = before, after
    return first + math.ceil((high - target) / (high - low) * (last - first))


def _schedule(learning_rate: float, warmup_steps: int) -> Schedule:
    if warmup_steps == 0:
        return constant(learning_rate)
    return linear_warmup(learning_rate, start=learning_rate / warmup_steps, steps=warmup_steps)
