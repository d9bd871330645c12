"""How wrong is one mini-batch gradient? The Python mirror of sampling.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
sampling.mjs alone.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations, combinations_with_replacement, islice
from typing import Any

from ..data import running_example
from .core import fixed, mulberry32

NUM_DRAWS = 200
MAX_NORM = 15
FAVOR_FROM = 3.5  # examples whose error is at least this large are favored 3 to 1

DEFAULTS: dict[str, Any] = {
    "batch_size": 2,
    "sampling": "without",
    "rule": "mean",
    "seed": 616,
    "draws": NUM_DRAWS,
}
VIEWS: dict[str, dict[str, Any]] = {"sampling": {}, "sampling-clip": {"rule": "clip"}}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "batch_size": range(1, 9),
        "sampling": ("without", "with"),
        "rule": ("mean", "clip", "favor"),
        "seed": range(1000),
        "draws": range(NUM_DRAWS + 1),
    }


@dataclass(frozen=True)
class Batch:
    """One possible batch.

    Attributes
    ----------
    members
        The examples in it, counted from 0; with replacement one may stand there repeatedly.
    x, y
        Its gradient: of w1 and of w2.
    shrink
        By what clipping multiplied the gradient; 1 where it did nothing.
    weight
        How often it comes up, as a whole number: its orderings times the favor of its members.
    up_to
        The weights of all batches up to and including this one.
    """

    members: tuple[int, ...]
    x: float
    y: float
    shrink: float
    weight: int
    up_to: int


@dataclass(frozen=True)
class Solution:
    """Every batch there is, what they average to, and a sequence of draws from them.

    Attributes
    ----------
    batches
        All of them, in the order of `itertools.combinations`.
    total
        The sum of their weights.
    mean
        The weighted mean of their gradients.
    typical_miss
        Root mean square distance of one batch gradient from the full gradient.
    drawn
        Which batch each draw took.
    average
        The running average of the gradients drawn so far, after each draw.
    """

    batches: list[Batch]
    total: int
    mean: tuple[float, float]
    typical_miss: float
    drawn: list[int]
    average: list[tuple[float, float]]


def _example_gradients() -> tuple[list[float], list[tuple[float, float]]]:
    """Targets, and the gradient -2 y x of each example's squared error at w = 0, b = 0."""
    data = running_example()
    targets = data.targets.tolist()
    features = data.features.tolist()
    return targets, [
        (-2 * y * x1, -2 * y * x2) for (x1, x2), y in zip(features, targets, strict=True)
    ]


TARGETS, GRADIENTS = _example_gradients()
FULL = (sum(x for x, _ in GRADIENTS) / 8, sum(y for _, y in GRADIENTS) / 8)


def miss(point: tuple[float, float]) -> float:
    """Distance of a point of the gradient plane from the full gradient."""
    return math.sqrt(_distance_squared(point))


def _distance_squared(point: tuple[float, float]) -> float:
    dx, dy = point[0] - FULL[0], point[1] - FULL[1]
    return dx * dx + dy * dy


def _weight(members: tuple[int, ...], sampling: str, rule: str) -> int:
    weight = 1
    if sampling == "with":
        orderings = math.factorial(len(members))
        for member in set(members):
            orderings //= math.factorial(members.count(member))
        weight = orderings
    if rule == "favor":
        for member in members:
            weight *= 3 if TARGETS[member] >= FAVOR_FROM else 1
    return weight


@cache
def _every_batch(
    batch_size: int, sampling: str, rule: str
) -> tuple[list[Batch], tuple[float, float], float]:
    """All batches, their weighted mean and the typical miss of one."""
    choose = combinations_with_replacement if sampling == "with" else combinations
    batches: list[Batch] = []
    total, sum_x, sum_y, squares = 0, 0.0, 0.0, 0.0
    for members in choose(range(8), batch_size):
        x, y = 0.0, 0.0
        for member in members:
            x += GRADIENTS[member][0]
            y += GRADIENTS[member][1]
        norm = math.sqrt(x * x + y * y) / batch_size
        shrink = MAX_NORM / norm if rule == "clip" and norm > MAX_NORM else 1.0
        x, y = x * shrink, y * shrink
        weight = _weight(members, sampling, rule)
        total += weight
        sum_x += weight * x
        sum_y += weight * y
        batches.append(Batch(members, x / batch_size, y / batch_size, shrink, weight, total))
    for batch in batches:
        squares += batch.weight * _distance_squared((batch.x, batch.y))
    mean = (sum_x / (batch_size * total), sum_y / (batch_size * total))
    return batches, mean, math.sqrt(squares / total)


def simulate(state: Mapping[str, Any]) -> Solution:
    """Everything the figure shows for a state, whatever number of draws is shown."""
    batches, mean, typical_miss = _every_batch(
        state["batch_size"], state["sampling"], state["rule"]
    )
    ends = [batch.up_to for batch in batches]
    drawn = [bisect_right(ends, u * ends[-1]) for u in islice(mulberry32(state["seed"]), NUM_DRAWS)]
    average, sum_x, sum_y = [], 0.0, 0.0
    for t, chosen in enumerate(drawn, start=1):
        sum_x += batches[chosen].x
        sum_y += batches[chosen].y
        average.append((sum_x / t, sum_y / t))
    return Solution(batches, ends[-1], mean, typical_miss, drawn, average)


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    solution = simulate(state)
    batch_size, draws, rule = state["batch_size"], state["draws"], state["rule"]
    count, bias = len(solution.batches), miss(solution.mean)
    if count == 1:
        possible = f"1 batch of {batch_size} is possible without replacement."
    elif state["sampling"] == "with":
        possible = f"{count} different batches of {batch_size} are possible with replacement."
    else:
        possible = f"{count} batches of {batch_size} are possible without replacement."
    whose = "Its gradient" if count == 1 else "Their mean"
    if bias < 1e-9:
        center = f"{whose}, {_point(solution.mean)}, is the full gradient."
    else:
        cause = "clipping" if rule == "clip" else "favoring large errors"
        center = (
            f"{whose}, {_point(solution.mean)}, misses the full gradient, {_point(FULL)}, by "
            f"{fixed(bias)}: {cause} biases it, and no number of draws repairs that."
        )
    one = f"One batch typically misses by {fixed(solution.typical_miss)} (root mean square)."
    if draws == 0:
        walk = "No batch is drawn yet."
    else:
        walk = (
            f"After {draws} {'draw' if draws == 1 else 'draws'} the running average misses the "
            f"full gradient by {fixed(miss(solution.average[draws - 1]))}."
        )
    return f"{possible} {center} {one} {walk}"


def _point(point: tuple[float, float]) -> str:
    return f"({fixed(point[0])}, {fixed(point[1])})"


def typical(state: Mapping[str, Any]) -> list[float]:
    """How far the running average is off early, halfway and at the end."""
    average = simulate(state).average
    return [miss(average[draws - 1]) for draws in (10, 50, NUM_DRAWS)]
