"""By how much may the learning rate grow with the batch? The Python mirror of scaling.mjs.

A quadratic in eight directions, four with curvature L = 1 and four with 0.1, whose gradient has
additive noise with a variance per example proportional to the curvature. Source of the model:
Zhang et al. 2019, "Which algorithmic choices matter at which batch sizes?", arXiv:1907.04164. Both
runs see the same examples in the same order: one step of the scaled run has the mean noise of the
k steps that the base run takes meanwhile.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
scaling.mjs alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .core import fixed, mulberry32

BASE = 8
"""Batch size of the base run."""

NUM_EXAMPLES = 4096
NOISE = 0.5
"""Variance of one example's gradient for each unit of curvature."""

CURVATURES = (1.0, 0.1)
NUM_EACH = 4
LIMIT = 2 / CURVATURES[0]
"""Learning rate above which the steepest direction diverges, noise or not."""

FAR = 1e6
"""Where a loss that diverges is held."""

SIZES = (8, 16, 32, 64, 128, 256, 512)
RULES = ("linear", "root", "none")
NAMES = {"linear": "Linear rule", "root": "Square-root rule", "none": "Unscaled rate"}

DEFAULTS: dict[str, Any] = {
    "batch_size": 64,
    "rule": "linear",
    "base_rate": 0.05,
    "seed": 13,
    "seen": NUM_EXAMPLES,
}
VIEWS: dict[str, dict[str, Any]] = {
    "scaling": {},
    "scaling-unscaled": {"rule": "none"},
    "scaling-limit": {"batch_size": 512},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "batch_size": SIZES,
        "rule": RULES,
        "base_rate": (0.0125, 0.025, 0.05, 0.1, 0.2),
        "seed": range(1000),
        "seen": range(0, NUM_EXAMPLES + 1, 64),
    }


@dataclass(frozen=True)
class Expected:
    """Expected loss after all examples: what is left of the start, what the noise adds, the sum."""

    left: float
    noise: float
    loss: float


@dataclass(frozen=True)
class Run:
    """A run: its learning rate, the loss at the start and after each step, and the expected end."""

    rate: float
    losses: list[float]
    expected: Expected


@dataclass(frozen=True)
class Solution:
    """The base run, the scaled run, and the expected loss of each rule at each batch size."""

    base: Run
    scaled: Run
    curves: list[list[float]]


def learning_rate(rule: str, base_rate: float, batch_size: int) -> float:
    """The learning rate that a rule gives a batch size."""
    if rule == "linear":
        return base_rate * batch_size / BASE
    return base_rate * math.sqrt(batch_size / BASE) if rule == "root" else base_rate


@lru_cache(maxsize=8)
def _blocks(seed: int) -> list[list[float]]:
    """Gradient noise of each block of 8 examples, in 4 steep and then 4 flat directions."""
    random = mulberry32(seed)
    wide = [math.sqrt(12 * h * NOISE / BASE) for h in CURVATURES for _ in range(NUM_EACH)]
    return [[(next(random) - 0.5) * w for w in wide] for _ in range(NUM_EXAMPLES // BASE)]


@lru_cache(maxsize=32)
def _train(batch_size: int, rate: float, seed: int) -> list[float]:
    noise, count, losses = _blocks(seed), batch_size // BASE, [1.0]
    curvatures = [h for h in CURVATURES for _ in range(NUM_EACH)]
    weights = [math.sqrt(1 / (NUM_EACH * h)) for h in curvatures]
    for step in range(NUM_EXAMPLES // batch_size):
        batch, loss = noise[step * count : (step + 1) * count], 0.0
        for i, h in enumerate(curvatures):
            total = 0.0
            for block in batch:
                total += block[i]
            weights[i] -= rate * (h * weights[i] + total / count)
            loss += 0.5 * h * weights[i] * weights[i]
        losses.append(min(loss, FAR))
    return losses


def expect(batch_size: int, rate: float) -> Expected:
    """Expected loss after all examples, by the recursion of the second moments."""
    left = noise = 0.0
    for h in CURVATURES:
        keep = (1 - rate * h) * (1 - rate * h)
        start, added = 1 / (NUM_EACH * h), 0.0
        for _ in range(NUM_EXAMPLES // batch_size):
            start *= keep
            added = keep * added + rate * rate * h * NOISE / batch_size
        left += 0.5 * NUM_EACH * h * start
        noise += 0.5 * NUM_EACH * h * added
    return Expected(min(left, FAR), min(noise, FAR), min(left + noise, FAR))


@lru_cache(maxsize=8)
def _curves(base_rate: float) -> list[list[float]]:
    return [
        [expect(size, learning_rate(rule, base_rate, size)).loss for size in SIZES]
        for rule in RULES
    ]


def simulate(state: Mapping[str, Any]) -> Solution:
    """Everything the figure shows for a state, however many examples are seen."""

    def run(batch_size: int) -> Run:
        rate = learning_rate(state["rule"], state["base_rate"], batch_size)
        return Run(rate, _train(batch_size, rate, state["seed"]), expect(batch_size, rate))

    return Solution(run(BASE), run(state["batch_size"]), _curves(state["base_rate"]))


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    solution, batch_size, seen = simulate(state), state["batch_size"], state["seen"]
    base, scaled = solution.base, solution.scaled
    steps, base_steps = seen // batch_size, seen // BASE
    ratio = scaled.expected.loss / base.expected.loss
    if batch_size == BASE:
        verdict = "This is the base run itself"
    elif scaled.rate > LIMIT:
        verdict = (
            "The rate is above the limit 2/L = 2: each step overshoots further than the one before"
        )
    else:
        times = "over 100" if ratio > 100 else fixed(ratio)
        keeps_up = ": it keeps up" if 0.8 < ratio < 1.25 else ""
        verdict = f"On average it ends at {times} times the loss of the base run{keeps_up}"
    return (
        f"{NAMES[state['rule']]}: batches of {batch_size} at rate {_rate(scaled.rate)}, "
        f"base run of {BASE} at {_rate(base.rate)}. After {seen} examples and {steps} "
        f"{'step' if steps == 1 else 'steps'} the loss is {_shown(scaled.losses[steps])}; "
        f"the base run has {_shown(base.losses[base_steps])} after {base_steps} steps. {verdict}."
    )


def _shown(loss: float) -> str:
    return "over 10" if loss > 10 else fixed(loss, 4)


def _rate(rate: float) -> str:
    return fixed(rate, 4).rstrip("0")


def typical(state: Mapping[str, Any]) -> list[float]:
    """Loss of both runs at the end."""
    solution = simulate(state)
    return [solution.base.losses[-1], solution.scaled.losses[-1]]
