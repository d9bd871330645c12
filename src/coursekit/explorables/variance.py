"""How fast does the noise fall? The Python mirror of variance.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
variance.mjs alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..data import running_example
from .core import fixed, mulberry32

NUM_DRAWS = 300
SIZES = tuple(2**power for power in range(11))

DEFAULTS: dict[str, Any] = {
    "num_examples": 64,
    "batch_size": 16,
    "sampling": "without",
    "seed": 13,
    "draws": NUM_DRAWS,
}
VIEWS: dict[str, dict[str, Any]] = {
    "variance": {},
    "variance-small": {"num_examples": 8, "batch_size": 4},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key may take; a batch is never larger than the data set."""
    return {
        "num_examples": (8, 64, 1024),
        "batch_size": tuple(size for size in SIZES if size <= state["num_examples"]),
        "sampling": ("without", "with"),
        "seed": range(1000),
        "draws": range(NUM_DRAWS + 1),
    }


@dataclass(frozen=True)
class Population:
    """One gradient of w1 for each example, their mean (the full gradient) and their variance."""

    gradients: list[float]
    mean: float
    variance: float


@cache
def population(num_examples: int) -> Population:
    """The running example, continued with seeded features: -2 y x1 at w = 0, b = 0."""
    features = running_example().features.tolist()
    random = mulberry32(0)
    while len(features) < num_examples:
        features.append([3 * next(random), 2 * next(random)])
    gradients = [-2 * (2 * x1 - x2 + 1) * x1 for x1, x2 in features[:num_examples]]
    total = squares = 0.0
    for gradient in gradients:
        total += gradient
    mean = total / num_examples
    for gradient in gradients:
        squares += (gradient - mean) * (gradient - mean)
    return Population(gradients, mean, squares / num_examples)


@dataclass(frozen=True)
class Solution:
    """Batch gradients as they are drawn, beside what the two laws say.

    Attributes
    ----------
    drawn
        The gradient of each batch.
    spread
        After each draw, the mean squared distance of the batch gradients from the full gradient.
    with_replacement
        The law sigma^2 / B.
    without_replacement
        The law sigma^2 / B * (N - B) / (N - 1).
    """

    drawn: list[float]
    spread: list[float]
    with_replacement: float
    without_replacement: float


@cache
def _observe(
    num_examples: int, batch_size: int, sampling: str, seed: int
) -> tuple[list[float], list[float]]:
    source = population(num_examples)
    order = list(range(num_examples))
    random = mulberry32(seed * 2048 + batch_size)
    drawn, spread, squares = [], [], 0.0
    for t in range(1, NUM_DRAWS + 1):
        total = 0.0
        for i in range(batch_size):
            if sampling == "with":
                total += source.gradients[math.floor(next(random) * num_examples)]
            else:
                j = i + math.floor(next(random) * (num_examples - i))
                order[i], order[j] = order[j], order[i]
                total += source.gradients[order[i]]
        gradient = total / batch_size
        squares += (gradient - source.mean) * (gradient - source.mean)
        drawn.append(gradient)
        spread.append(squares / t)
    return drawn, spread


def simulate(state: Mapping[str, Any]) -> Solution:
    """Everything the figure shows for a state, whatever number of draws is shown."""
    num_examples, batch_size = state["num_examples"], state["batch_size"]
    drawn, spread = _observe(num_examples, batch_size, state["sampling"], state["seed"])
    independent = population(num_examples).variance / batch_size
    finite = (independent * (num_examples - batch_size)) / (num_examples - 1)
    return Solution(drawn, spread, independent, finite)


def _needed(state: Mapping[str, Any], goal: float) -> int:
    """The smallest batch whose variance is at most ``goal``."""
    num_examples, sigma = state["num_examples"], population(state["num_examples"]).variance
    if state["sampling"] == "with":
        size = sigma / goal
    else:
        size = (sigma * num_examples) / (goal * (num_examples - 1) + sigma)
    return math.ceil(size - 1e-9)


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    solution, batch_size, draws = simulate(state), state["batch_size"], state["draws"]
    independent, finite = solution.with_replacement, solution.without_replacement
    if state["sampling"] == "with":
        truth, laws = independent, f"The law σ²/B gives {fixed(independent)}."
    else:
        truth = finite
        laws = (
            f"The law σ²/B · (N − B)/(N − 1) gives {fixed(finite)}; "
            f"σ²/B alone would give {fixed(independent)}."
        )
    if draws == 0:
        drawn = "No batch is drawn yet."
    else:
        what = "the square of its error" if draws == 1 else "the variance of their gradients"
        drawn = (
            f"{draws} {'batch' if draws == 1 else 'batches'} of {batch_size} drawn from "
            f"{state['num_examples']} examples {state['sampling']} replacement: "
            f"{what} is {fixed(solution.spread[draws - 1])}."
        )
    if truth == 0:
        cost = "A batch of everything has no error."
    else:
        cost = (
            f"One batch is off by ±{fixed(math.sqrt(truth))}; half of that needs "
            f"B = {_needed(state, truth / 4)}, a tenth needs B = {_needed(state, truth / 100)}."
        )
    return f"{drawn} {laws} {cost}"


def typical(state: Mapping[str, Any]) -> list[float]:
    """The variance drawn early and at the end."""
    spread = simulate(state).spread
    return [spread[draws - 1] for draws in (30, NUM_DRAWS)]
