"""One epoch of the running example, update by update. The Python mirror of loop.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
loop.mjs alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..data import running_example
from .core import fixed, mulberry32

NUMPY_42 = (1, 5, 0, 7, 2, 4, 3, 6)
"""``np.random.RandomState(42).permutation(8)``, the order of seed 42; the others are our own."""

DEFAULTS: dict[str, Any] = {"batch_size": 2, "learning_rate": 0.05, "seed": 590, "read": 8}
VIEWS: dict[str, dict[str, Any]] = {"loop": {}, "loop-seed-42": {"seed": 42}}

Vector = list[float]


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "batch_size": (1, 2, 3, 4, 8),
        "learning_rate": (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
        "seed": range(1000),
        "read": _ends(state["batch_size"]),
    }


def _ends(batch_size: int) -> tuple[int, ...]:
    """How many examples are read after each step; the last batch may be short."""
    return (*range(0, 8, batch_size), 8)


@dataclass(frozen=True)
class Step:
    """One update.

    Attributes
    ----------
    batch
        The examples it reads.
    params, errors
        Weights and bias before the step, and the error of each of the eight examples there.
    loss, gradient
        Mean over the batch, before the step.
    full_loss, full_gradient
        The same over all eight examples.
    """

    batch: list[int]
    params: Vector
    errors: Vector
    loss: float
    gradient: Vector
    full_loss: float
    full_gradient: Vector


@dataclass(frozen=True)
class Epoch:
    """One pass over the eight examples.

    Attributes
    ----------
    order
        In which the examples are read.
    steps
        The updates.
    params, errors, full_loss
        Where they lead.
    single, single_loss
        Where one full-batch step from the same start leads, and the full loss there.
    """

    order: list[int]
    steps: list[Step]
    params: Vector
    errors: Vector
    full_loss: float
    single: Vector
    single_loss: float


def _examples() -> tuple[list[Vector], Vector]:
    data = running_example()
    return data.features.tolist(), data.targets.tolist()


FEATURES, TARGETS = _examples()


def _shuffled(seed: int) -> list[int]:
    if seed == 42:
        return list(NUMPY_42)
    order = list(range(8))
    for i, u in zip(range(7, 0, -1), islice(mulberry32(seed), 7), strict=True):
        j = math.floor(u * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def _errors_at(params: Vector) -> Vector:
    first, second, bias = params
    return [
        first * x + second * y + bias - target
        for (x, y), target in zip(FEATURES, TARGETS, strict=True)
    ]


def _mean_of(errors: Vector, chosen: Sequence[int]) -> tuple[float, Vector]:
    """Mean loss and gradient of the chosen examples."""
    loss, first, second, bias = 0.0, 0.0, 0.0, 0.0
    for i in chosen:
        loss += errors[i] * errors[i]
        first += 2 * errors[i] * FEATURES[i][0]
        second += 2 * errors[i] * FEATURES[i][1]
        bias += 2 * errors[i]
    count = len(chosen)
    return loss / count, [first / count, second / count, bias / count]


def _move(params: Vector, rate: float, gradient: Vector) -> Vector:
    return [value - rate * slope for value, slope in zip(params, gradient, strict=True)]


def simulate(state: Mapping[str, Any]) -> Epoch:
    """Everything the figure shows for a state, however many examples are read."""
    batch_size, rate = state["batch_size"], state["learning_rate"]
    order, steps = _shuffled(state["seed"]), []
    params = [0.0, 0.0, 0.0]
    errors = _errors_at(params)
    full_loss, full_gradient = _mean_of(errors, range(8))
    single = _move(params, rate, full_gradient)
    for start in range(0, 8, batch_size):
        batch = order[start : start + batch_size]
        loss, gradient = _mean_of(errors, batch)
        steps.append(Step(batch, params, errors, loss, gradient, full_loss, full_gradient))
        params = _move(params, rate, gradient)
        errors = _errors_at(params)
        full_loss, full_gradient = _mean_of(errors, range(8))
    single_loss, _ = _mean_of(_errors_at(single), range(8))
    return Epoch(order, steps, params, errors, full_loss, single, single_loss)


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    epoch = simulate(state)
    steps, start = epoch.steps, epoch.steps[0].full_loss
    peak = max(epoch.full_loss, *(step.full_loss for step in steps))
    done = _ends(state["batch_size"]).index(state["read"])
    origin = ", from NumPy’s seed 42" if state["seed"] == 42 else ""
    order = f"Order {' '.join(map(str, epoch.order))}{origin}."
    if done == 0:
        return f"{order} No example is read yet; the full loss is {fixed(start)}."
    now = steps[done - 1]
    after = steps[done].full_loss if done < len(steps) else epoch.full_loss
    members = ", ".join(map(str, now.batch))
    who = {1: f"example {members}", 8: "all eight examples"}.get(
        len(now.batch), f"examples {members}"
    )
    step = (
        f"Step {done} of {len(steps)} reads {who}: batch loss {fixed(now.loss)}; "
        f"it takes the full loss from {fixed(now.full_loss)} to {fixed(after)}."
    )
    if done < len(steps):
        end = ""
    elif peak > start:
        end = (
            f" Too fast: the full loss rose to {fixed(peak)}, above its start of {fixed(start)}. "
            "A smaller learning rate brings it back."
        )
    elif len(now.batch) == 8:
        end = " That is one full-batch step, and the whole epoch."
    else:
        end = (
            f" The epoch ends at {fixed(after)}; one full-batch step at the same rate ends at "
            f"{fixed(epoch.single_loss)}."
        )
    return f"{order} {step}{end}"


def typical(state: Mapping[str, Any]) -> list[float]:
    """The full loss at the end of the epoch, for each batch size that a shuffle matters to."""
    return [simulate({**state, "batch_size": batch_size}).full_loss for batch_size in (1, 2, 3, 4)]
