"""What a reader must know to defend the advice: every doubt that the evidence itself shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..rounding import significant
from .records import Advice, Memory, Noise, Speed, Trial
from .trials import best_of


def remarks(
    advice: Advice,
    memory: Memory,
    speed: Speed,
    noise: Noise,
    trials: Sequence[Trial],
    num_examples: int,
    regret: float | None,
    target_loss: float | None,
) -> tuple[str, ...]:
    """One sentence or two for each limit of the evidence, in the order of the table."""
    return (
        *_about_memory(advice, memory, speed, num_examples),
        *_about_speed(advice, speed),
        *_about_noise(advice, noise, regret),
        *_about_trials(advice, trials),
        *_about_target(advice, trials, target_loss),
    )


def _about_memory(advice: Advice, memory: Memory, speed: Speed, num_examples: int) -> Iterator[str]:
    if memory.largest is None:
        yield "No memory limit was given, so nothing is said about the largest micro-batch."
    elif not memory.straight:
        yield (
            "Memory did not grow on a straight line as far as it was measured, so the largest "
            "micro-batch may be said too large. Approach it step by step."
        )
    elif memory.largest >= num_examples:
        yield "By the model of memory, all examples fit into one micro-batch."
    if memory.largest and speed.largest_timed < min(memory.largest, num_examples):
        yield (
            f"Micro-batches above {speed.largest_timed} were not timed and are not proposed, "
            "though more may fit."
        )


def _about_speed(advice: Advice, speed: Speed) -> Iterator[str]:
    if math.isinf(speed.model.half_batch):
        yield "Larger batches cost no more time as far as was timed: the knee lies beyond."
    elif speed.model.half_batch > speed.largest_timed:
        yield f"The knee lies beyond the largest batch that was timed, {speed.largest_timed}."
    if advice.world_size > 1:
        yield (
            f"The {advice.world_size} devices are taken to be like this one, and what they send "
            "each other is not in the time."
        )
    yield "Loading the data is not in the time of a step."


def _about_noise(advice: Advice, noise: Noise, regret: float | None) -> Iterator[str]:
    if noise.because:
        yield f"The noise comes from two batch sizes, because {noise.because.rstrip('.')}."
    if not noise.moments:
        yield "The budget did not reach for the noise of the gradient; give more --seconds."
    if noise.examples is None and advice.global_batch_size is not None:
        yield "The noise of the gradient could not be told from its length; it decided nothing."
        return
    if noise.examples is None:
        low, high = advice.batch_range
        remains = f"from {low} to {high} all remains" if low < high else f"only {low} remains"
        yield (
            "The noise of the gradient could not be told from its length, so no batch size is "
            f"proposed: {remains} open. More data, or more --seconds, may decide."
        )
        return
    if regret is not None:
        yield (
            "The noise scale may miss the critical batch size by a factor of three; then this "
            f"batch size takes at most {significant(regret, 2)} times the best time."
        )
    if len(noise.moments) == 1:
        yield (
            "The noise scale was measured before training only. It usually grows, and the best "
            "batch size with its square root."
        )
    hidden = sum(moment.examples is None for moment in noise.moments)
    if hidden:
        yield (
            f"At {hidden} of {len(noise.moments)} moments the noise hid the gradient; they are "
            "left out, so the noise scale is rather larger than said."
        )
    known = [moment.examples for moment in noise.moments if moment.examples is not None]
    if len(known) > 1:
        yield (
            f"The noise scale went from {significant(known[0], 2)} to {significant(known[-1], 2)} "
            "within the trial. If you train much further than that, a larger batch may be better."
        )


def _about_trials(advice: Advice, trials: Sequence[Trial]) -> Iterator[str]:
    if not trials:
        yield (
            "The budget did not reach for trials, so no learning rate is proposed; give more "
            "--seconds."
        )
        return
    here = [t for t in trials if t.batch_size == advice.tried_at and t.order == 0]
    plain = [trial for trial in here if not trial.warmup_steps]
    best = best_of(plain)
    if best is None:
        yield "Every learning rate tried diverged, so none is proposed."
        return
    rates = [trial.learning_rate for trial in plain]
    if not min(rates) < best.learning_rate < max(rates):
        yield (
            f"The best learning rate is at the end of those tried, {significant(min(rates))} to "
            f"{significant(max(rates))}; a better one may lie beyond. Give more --seconds."
        )
    if advice.global_batch_size not in (None, advice.tried_at):
        yield (
            f"The learning rate was tried at {advice.tried_at} examples a batch, not at "
            f"{advice.global_batch_size}."
        )
    if not best.reached:
        yield (
            f"A trial has {best.steps} steps. A rate that is best for so short a run may be too "
            "large for a long one without decay."
        )
    if advice.warmup_steps is None:
        yield "No warm-up was tried; nothing is said about one."


def _about_target(
    advice: Advice, trials: Sequence[Trial], target_loss: float | None
) -> Iterator[str]:
    if target_loss is None:
        yield (
            "No target loss was given, so a trial ends where it ends. If you stop at a certain "
            "training loss, give --target-loss: all of this depends on it."
        )
        return
    if not any(trial.reached for trial in trials):
        lowest = min((trial.loss for trial in trials), default=math.inf)
        reached = f"the lowest loss was {significant(lowest)}" if math.isfinite(lowest) else "none"
        yield (
            f"No trial reached the target loss of {target_loss:g} ({reached}), so batch sizes were "
            "not raced to it and the noise scale is not that of the whole way; give more "
            "--seconds, or a higher target."
        )
        return
    chosen = [t for t in trials if _setting(t) == _setting_of(advice)]
    steps = [trial.steps for trial in chosen if trial.reached]
    missed = len(chosen) - len(steps)
    if missed:
        yield (
            f"In {missed} of {len(chosen)} orders of the examples the setting did not reach the "
            "target in three times the steps; a smaller learning rate is safer."
        )
    if len(chosen) > 1:
        yield (
            f"In {len(chosen)} orders of the examples the target came after {min(steps)} to "
            f"{max(steps)} steps. Nothing is known of what follows it."
        )
    else:
        yield (
            f"The target came after {steps[0]} steps, in one order of the examples; in others it "
            "may come sooner or later. Nothing is known of what follows it."
        )


def _setting(trial: Trial) -> tuple[int | None, float | None, int]:
    return trial.batch_size, trial.learning_rate, trial.warmup_steps


def _setting_of(advice: Advice) -> tuple[int | None, float | None, int]:
    return advice.tried_at, advice.learning_rate, advice.warmup_steps or 0
