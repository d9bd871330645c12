"""The whole plan: measure, choose, try, and say what is not known."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from ..errors import BatchSizeError, CourseError
from ..rounding import significant
from . import noise as noisy
from .advice import Split, best_split, candidates, equally_good, regret, relative_time, split
from .budget import Budget
from .memory import largest_safe, measure_memory
from .race import Race
from .records import Advice, Noise, Plan, Speed, Trial
from .remarks import remarks
from .speed import measure_speed
from .steps import Steps
from .trials import best_of
from .tuning import Tuning, first_rate
from .workload import Workload, as_workload


@dataclass(frozen=True)
class Ends:
    """Of the budget, the fraction at which each part ends, at the latest."""

    rates: float
    noise: float
    sizes: float
    warmup: float


TO_A_LENGTH = Ends(rates=0.7, noise=0.8, sizes=0.9, warmup=0.97)
TO_A_TARGET = Ends(rates=0.45, noise=0.55, sizes=0.75, warmup=0.8)
"""What is left after the warm-up is for the finalists, in other orders of the examples."""

Progress = Callable[[str, float], None]
"""``on_progress(what, fraction)``: what is done now, and how much of the budget is spent."""


def plan(
    workload: Workload | Sequence[Any],
    *,
    seconds: float = 60.0,
    memory_bytes: float | None = None,
    world_size: int = 1,
    global_batch_size: int | None = None,
    target_loss: float | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Plan:
    """Measure a model on this machine and propose a setting to train it with.

    Parameters
    ----------
    workload
        A `Workload`, or ``(model, loss_fn, dataset)``. Its model is put back as it was.
    seconds
        Time the measurements may take. Kept to within one trial step or one batch for the noise.
    memory_bytes
        What one device may use; 16e9 is 16 GB. Without it no largest micro-batch is proposed.
    world_size
        Devices that will share a batch.
    global_batch_size
        If it is decided already, only the split, the learning rate and the warm-up are proposed.
    target_loss
        Training loss at which you would stop. With it, trials run until it is reached, the noise
        scale is that of the way there, and batch sizes race to it. Without it, the trials have a
        length of their own, and the batch size is the one that the noise scale predicts.
    seed
        Of the order of the examples and of every random number.
    on_progress
        Told what is done now, and the fraction of the budget that is spent.
    clock
        Counts the budget; on a crowded machine `time.process_time` does not count the others.

    Raises
    ------
    CourseError
        When the model fails, its loss is not a number, memory or time do not reach for a first
        measurement, there are too few examples, or the target is reached before training. One
        sentence says which, and what to try.
    """
    budget = Budget(seconds, clock)
    work = as_workload(workload)
    _check_request(work, world_size, global_batch_size, target_loss)
    raced: Race | None = None

    def say(what: str) -> None:
        if on_progress is not None:
            on_progress(what, min(1.0, budget.spent / seconds))

    with _in_training(work):
        steps = Steps(work, seed=seed)
        try:
            say("a first step")
            steps.probe()
            say("memory of small batches")
            memory = measure_memory(steps, limit_bytes=memory_bytes, budget=budget)
            say("time of a step")
            speed = measure_speed(steps, largest=largest_safe(steps, memory), budget=budget)
            # Beyond what was timed there is no evidence.
            largest = min(memory.largest or work.num_examples, speed.largest_timed)
            steps.largest = largest
            _check_target(steps, target_loss)
            options = candidates(
                world_size=world_size, largest=largest, num_examples=work.num_examples
            )
            decided = None
            if global_batch_size is not None:
                decided = split(global_batch_size, world_size=world_size, largest=largest)
            because = noisy.why_not_per_example(steps)
            method = noisy.TWO_BATCHES if because else noisy.PER_EXAMPLE

            tuning = Tuning(steps, speed, budget, say, target_loss)
            first = decided or _nearest(options, world_size * speed.model.half_batch)
            ends = TO_A_LENGTH if target_loss is None else TO_A_TARGET
            found = tuning.search(first.global_batch_size, first_rate(steps), until=ends.rates)
            best = best_of(found)
            noise = tuning.noise_along(best, method=method, because=because or "", until=ends.noise)
            chosen = decided or _predicted_best(options, speed, noise)
            if best is not None and best.reached:
                raced = Race(tuning, [decided] if decided else options, best)
                best = raced.run(chosen.global_batch_size if chosen else None, until=ends.sizes)
                best = raced.confirm(tuning.warmup(best, until=ends.warmup))
                chosen = raced.cuts[best.batch_size]
            elif best is not None:
                if chosen is not None:
                    best = tuning.again_at(chosen.global_batch_size, best, until=ends.sizes)
                best = tuning.warmup(best, until=ends.warmup)
        finally:
            steps.restart()
    good = raced.equally_good(best) if raced and best else _range(options, speed, noise)
    advice = _advice(chosen, best, tuning.trials, good, world_size)
    trials = tuple(tuning.trials)
    doubt = (
        regret(chosen, options, speed, noise.examples)
        if chosen is not None and noise.examples is not None and raced is None
        else None
    )
    return Plan(
        advice=advice,
        memory=memory,
        speed=speed,
        noise=noise,
        trials=trials,
        predicted=_predicted(options, speed, noise),
        target_loss=target_loss,
        raced=raced.times if raced else (),
        regret=doubt,
        notes=remarks(advice, memory, speed, noise, trials, work.num_examples, doubt, target_loss),
        num_examples=work.num_examples,
        seconds=budget.spent,
        seed=seed,
    )


@contextmanager
def _in_training(work: Workload) -> Iterator[None]:
    """Training mode with gradients; modes and random numbers are as before when it ends."""
    modes = {module: module.training for module in work.model.modules()}
    devices = [work.device] if work.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.enable_grad():
        work.model.train()
        try:
            yield
        finally:
            for module, mode in modes.items():
                module.training = mode


def _check_request(
    work: Workload, world_size: int, global_batch_size: int | None, target_loss: float | None
) -> None:
    if target_loss is not None and not math.isfinite(target_loss):
        raise CourseError(f"target_loss={target_loss}; give the training loss you want to reach.")
    if not 1 <= world_size <= work.num_examples:
        raise CourseError(f"world_size={world_size}; use 1 device or more, each with an example.")
    if global_batch_size is None:
        return
    if not world_size <= global_batch_size <= work.num_examples:
        raise BatchSizeError(
            f"global_batch_size={global_batch_size}; it must lie between the number of devices, "
            f"{world_size}, and the number of examples, {work.num_examples}."
        )


def _check_target(steps: Steps, target_loss: float | None) -> None:
    if target_loss is None:
        return
    steps.restart()
    untrained = steps.judge()
    if untrained <= target_loss:
        raise CourseError(
            f"target_loss={target_loss:g}, and the untrained model's loss is already "
            f"{significant(untrained)}; give a lower one."
        )


def _nearest(options: list[Split], batch_size: float) -> Split:
    """The option whose global batch size is nearest, by its ratio."""

    def ratio(cut: Split) -> float:
        return max(cut.global_batch_size / batch_size, batch_size / cut.global_batch_size)

    return min(options, key=ratio)


def _predicted_best(options: list[Split], speed: Speed, noise: Noise) -> Split | None:
    """The fastest by prediction, or nothing where the noise is unknown."""
    return None if noise.examples is None else best_split(options, speed, noise.examples)


def _range(options: list[Split], speed: Speed, noise: Noise) -> tuple[int, int]:
    """Batch sizes that are equally good; all above the knee where the noise is unknown."""
    if noise.examples is not None and noise.low is not None and noise.high is not None:
        return equally_good(options, speed, (noise.low, noise.examples, noise.high))
    sizes = [cut.global_batch_size for cut in options]
    return min((size for size in sizes if size >= speed.model.half_batch), default=sizes[-1]), (
        sizes[-1]
    )


def _predicted(options: list[Split], speed: Speed, noise: Noise) -> tuple[tuple[int, float], ...]:
    if noise.examples is None:
        return ()
    times = [relative_time(cut, speed, noise.examples) for cut in options]
    sizes = [cut.global_batch_size for cut in options]
    return tuple((size, time / min(times)) for size, time in zip(sizes, times, strict=True))


def _advice(
    chosen: Split | None,
    best: Trial | None,
    trials: Sequence[Trial],
    batch_range: tuple[int, int],
    world_size: int,
) -> Advice:
    tried = best is not None and any(trial.warmup_steps for trial in trials)
    return Advice(
        micro_batch_size=chosen.micro_batch_size if chosen else None,
        accumulation_steps=chosen.accumulation_steps if chosen else None,
        world_size=world_size,
        global_batch_size=chosen.global_batch_size if chosen else None,
        batch_range=batch_range,
        learning_rate=best.learning_rate if best else None,
        warmup_steps=best.warmup_steps if best and tried else None,
        tried_at=best.batch_size if best else None,
    )
