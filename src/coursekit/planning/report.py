"""A plan as rows of text, and as JSON."""

from __future__ import annotations

import json
import math
import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CourseError
from ..rounding import significant
from .records import Plan

if TYPE_CHECKING:  # matplotlib is not needed to make a plan
    from ..figures import Shown

SCHEMA = 1
"""Raised when a name in the JSON changes or goes."""


def rows(plan: Plan) -> list[tuple[str, str, str]]:
    """Each proposed number beside its evidence: what, proposed, because."""
    advice = plan.advice
    return [
        ("largest micro-batch", _or_open(plan.memory.largest), _memory(plan)),
        ("knee of the throughput", significant(plan.speed.model.half_batch, 2), _knee(plan)),
        ("noise scale", _noise_scale(plan), _noise(plan)),
        ("global batch size", _or_open(advice.global_batch_size), _batch(plan)),
        ("= micro-batch × passes × devices", _product(plan), _passes(plan)),
        ("learning rate", _rate(plan), _rate_because(plan)),
        ("warm-up", _warmup(plan), _warmup_because(plan)),
    ]


def to_json(plan: Plan) -> str:
    """Advice, evidence and what it was measured with."""
    record = {
        "schema": SCHEMA,
        "measured_with": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
        },
        **asdict(plan),
    }
    record["speed"]["model"]["half_batch"] = plan.speed.model.half_batch
    return json.dumps(_finite(record), indent=2, sort_keys=True)


def figure(plan: Plan) -> Shown:
    """The predicted time against the batch size, with what it was computed from.

    Raises
    ------
    CourseError
        Without a noise scale there is nothing to draw.
    """
    if plan.noise.examples is None or plan.advice.global_batch_size is None:
        raise CourseError("this plan has no noise scale, so no predicted time; see its notes.")
    from ..figures import axes, plot_time_to_loss, show

    sizes, times = zip(*plan.predicted, strict=True)
    knee = plan.speed.model.half_batch * plan.advice.world_size
    marks = {"knee": knee, "noise scale": plan.noise.examples, "largest": sizes[-1]}
    ax = plot_time_to_loss(
        axes(),
        sizes,
        times,
        proposed=plan.advice.global_batch_size,
        good=plan.advice.batch_range,
        marks={name: min(max(size, sizes[0]), sizes[-1]) for name, size in marks.items()},
        raced=plan.raced,
    )
    low, high = plan.advice.batch_range
    ax.set_title(
        f"From {low} to {high} examples a step, all are about as fast"
        if low < high
        else f"Raced to a loss of {plan.target_loss:g}, {low} examples a step are fastest"
        if plan.raced
        else f"By prediction, {low} examples a step are fastest"
    )
    return show(ax)


def _finite(value: Any) -> Any:
    """JSON has no infinity: null instead."""
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _or_open(number: int | None) -> str:
    return "not said" if number is None else str(number)


def _memory(plan: Plan) -> str:
    model = plan.memory.model
    line = f"{_bytes(model.fixed_bytes)} + {_bytes(model.bytes_per_example)} an example"
    limit = plan.memory.limit_bytes
    most = max(size for size, _ in plan.memory.points)
    return f"{line}, measured up to {most}" + ("" if limit is None else f"; {_bytes(limit)} to use")


def _knee(plan: Plan) -> str:
    low, high = plan.speed.knee_ends
    model = plan.speed.model
    return (
        f"{_seconds(model.fixed_seconds)} a step + {_seconds(model.seconds_per_example)} an "
        f"example; 95 % {significant(low, 2)} to {significant(high, 2)}"
    )


def _noise_scale(plan: Plan) -> str:
    examples = plan.noise.examples
    return "not found" if examples is None else significant(examples, 2)


def _noise(plan: Plan) -> str:
    noise = plan.noise
    moments = f"{len(noise.moments)} moment{'s' if len(noise.moments) > 1 else ''}"
    if noise.low is None or noise.high is None:
        return f"{noise.method}, {moments}: hidden by noise"
    if noise.low == noise.high:
        return f"{noise.method} of all {plan.num_examples}, exact; mean of {moments}"
    ends = f"{significant(noise.low, 2)} to {significant(noise.high, 2)}"
    return f"{noise.method}, mean of {moments}; 95 % {ends}"


def _batch(plan: Plan) -> str:
    low, high = plan.advice.batch_range
    if plan.raced:
        sizes = [size for size, _ in plan.raced]
        good = f"{low} to {high} are" if low < high else f"only {low} is"
        return (
            f"raced to a loss of {plan.target_loss:g}: {len(sizes)} sizes from {sizes[0]} to "
            f"{sizes[-1]} arrived, {good} within 10 % of the fastest"
        )
    if plan.noise.examples is None:
        remain = f"{low} to {high} remain" if low < high else f"only {low} remains"
        return f"no noise scale; {remain} open"
    largest, cost = plan.predicted[-1]
    return (
        f"least predicted time; {low} to {high} within 10 %, the largest possible, {largest}, "
        f"takes {significant(cost, 2)} times as long"
    )


def _product(plan: Plan) -> str:
    advice = plan.advice
    if advice.micro_batch_size is None:
        return "not said"
    return f"{advice.micro_batch_size} × {advice.accumulation_steps} × {advice.world_size}"


def _passes(plan: Plan) -> str:
    several = (plan.advice.accumulation_steps or 1) > 1
    return "the fewest passes that fit" if several else "no accumulation needed"


def _rate(plan: Plan) -> str:
    rate = plan.advice.learning_rate
    return "not said" if rate is None else significant(rate, 2)


def _rate_because(plan: Plan) -> str:
    here = [t for t in plan.trials if t.batch_size == plan.advice.tried_at]
    tried = [trial for trial in here if not trial.warmup_steps and not trial.order]
    if plan.advice.learning_rate is None or not tried:
        return "no trial"
    rates = [trial.learning_rate for trial in tried]
    length = f"{tried[0].steps} steps of {plan.advice.tried_at}"
    if plan.raced:
        orders = 1 + max(trial.order for trial in here)
        length = f"to the target at {plan.advice.tried_at}, the best in {orders} orders"
    return (
        f"best of {len(tried)} from {significant(min(rates), 2)} to {significant(max(rates), 2)}, "
        f"{length}"
    )


def _warmup(plan: Plan) -> str:
    steps = plan.advice.warmup_steps
    return "not said" if steps is None else ("none" if steps == 0 else f"{steps} steps")


def _warmup_because(plan: Plan) -> str:
    steps = plan.advice.warmup_steps
    if steps is None:
        return "no trial"
    if plan.raced:
        return "saves steps to the target" if steps else "it saved no trial 5 % of the steps"
    return "lowers the loss of a trial" if steps else "it lowered the loss of no trial by 5 %"


def _bytes(count: float) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{significant(count / size)} {unit}"
    return f"{count:.0f} B"


def _seconds(count: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if count >= size:
            return f"{significant(count / size)} {unit}"
    return f"{significant(count * 1e6)} µs"
