"""How long a training step takes, timed where it fits."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from ..errors import CourseError
from ..hardware import fit_time_model, half_batch_interval, measure_seconds, undisturbed
from .budget import Budget
from .records import Speed
from .steps import Steps

ROUNDS = 5
UPDATE = 0
"""Stands among the batch sizes for the update alone, with gradients that are there."""
CALLS_A_SIZE = 6 + 2 * ROUNDS
"""Steps that are taken at least on each size: six before, two a round."""


def measure_speed(steps: Steps, *, largest: int, budget: Budget) -> Speed:
    """Time training steps at 2, 4, 8, … examples, as far as memory and the budget reach.

    Stops growing where twice the batch takes nearly twice the time twice over: the knee is well
    behind. Loading is not timed; the batches are ready in memory.

    Raises
    ------
    CourseError
        When the budget does not even reach for the three smallest batches.
    """
    optimizer = steps.optimizer()
    batches = {2: steps.first(2)}

    def run(size: int) -> None:
        if size == UPDATE:
            optimizer.step()
        else:
            steps.take(optimizer, batches[size])
        wait(steps)

    sizes: list[int] = []
    quick: list[float] = []
    most = min(largest, steps.workload.num_examples)
    size, planned = 2, 0.0
    while size <= most:
        batches[size] = steps.first(size)
        quick.append(_quick(run, size, budget.clock))
        planned += CALLS_A_SIZE * max(quick[-1], 0.002)
        if planned > budget.until(0.3) and len(sizes) >= 3:
            break
        sizes.append(size)
        if len(quick) >= 4 and quick[-1] > 1.9 * quick[-2] > 1.9 * 1.9 * quick[-3]:
            break
        size = min(2 * size, most) if size < most else most + 1
    if len(sizes) < 3 or planned > budget.left:
        raise CourseError(
            f"timing steps of {len(sizes)} sizes would take about {planned:.0f} s and "
            f"{budget.left:.0f} s are left; give more --seconds, more memory or a smaller model."
        )
    rng = np.random.default_rng(steps.seed)
    with _resting_collector():
        rounds = measure_seconds(
            run,
            [UPDATE, *sizes],
            rounds=ROUNDS,
            turn_seconds=0.005,
            clock=clock_for(steps),
            rng=rng,
        )
    steps.restart()
    update, *typical = undisturbed(rounds).tolist()
    seconds = rounds[:, 1:]
    model = fit_time_model(sizes, seconds)
    return Speed(
        model,
        tuple(zip(sizes, typical, strict=True)),
        half_batch_interval(sizes, seconds, rng=rng),
        min(update, model.fixed_seconds),
        max(1.0, sum(quick[: len(sizes)]) / sum(typical)),
    )


def clock_for(steps: Steps) -> Callable[[], float]:
    """CPU time where one thread works, which other programs do not disturb; else the wall's."""
    alone = steps.workload.device.type == "cpu" and torch.get_num_threads() == 1
    return time.process_time if alone else time.perf_counter


def wait(steps: Steps) -> None:
    """Wait for a device that works on its own."""
    if steps.workload.device.type == "cuda":
        torch.cuda.synchronize()


@contextmanager
def _resting_collector() -> Iterator[None]:
    """Spare Python's garbage collector what was there before: each round would look at it all."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _quick(run: Callable[[int], None], size: int, clock: Callable[[], float]) -> float:
    """Seconds as the budget counts them, the shorter of two after a first."""
    seconds = []
    for _ in range(3):
        start = clock()
        run(size)
        seconds.append(clock() - start)
    return min(seconds[1:])
