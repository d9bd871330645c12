"""When are several small passes one large batch? The Python mirror of accumulation.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
accumulation.mjs alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .core import fixed, mulberry32

FIXED_GB = 2
GB_PER_EXAMPLE = 0.3
DEVICE_GB = 8

DEFAULTS: dict[str, Any] = {
    "size": 8,
    "count": 4,
    "last": "ragged",
    "divide": "means",
    "seed": 199,
    "left": 0,
}
VIEWS: dict[str, dict[str, Any]] = {
    "accumulation": {},
    "accumulation-terms": {"divide": "terms"},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "size": (2, 4, 8, 16, 32),
        "count": range(2, 9),
        "last": ("full", "ragged"),
        "divide": ("means", "terms"),
        "seed": range(1000),
        "left": range(state["count"], -1, -1),
    }


@dataclass(frozen=True)
class Solution:
    """The gradient after each micro-step, the one it should become, and the memory of both.

    Attributes
    ----------
    sizes
        Examples in each micro-batch.
    all
        Examples in the window: the size of the large batch.
    examples
        The gradient of each example, of w1 and of w2.
    reached
        The accumulated gradient before the first and after each micro-step.
    shares
        How much one example of each micro-batch counts in it.
    large
        The gradient of the large batch.
    off
        Distance of the accumulated gradient from it, at the end of the window.
    memory, memory_large
        Gigabytes needed by the largest micro-batch and by the large batch.
    """

    sizes: list[int]
    all: int
    examples: list[tuple[float, float]]
    reached: list[tuple[float, float]]
    shares: list[float]
    large: tuple[float, float]
    off: float
    memory: float
    memory_large: float


def _sixteenths(center: int, u: float) -> float:
    """A number around ``center``, in sixteenths: sums are exact, so equal means equal bits."""
    return center + math.floor(u * 257 - 128) / 16


@cache
def _solve(size: int, count: int, last: str, divide: str, seed: int) -> Solution:
    random = mulberry32(seed)
    sizes = [size] * count
    if last == "ragged":
        sizes[-1] = 1
    total = sum(sizes)
    examples: list[tuple[float, float]] = []
    reached, shares = [(0.0, 0.0)], []
    sum_x = sum_y = mean_x = mean_y = 0.0
    for n in sizes:
        part = [(_sixteenths(9, next(random)), _sixteenths(5, next(random))) for _ in range(n)]
        part_x, part_y = sum(x for x, _ in part), sum(y for _, y in part)
        examples += part
        sum_x += part_x
        sum_y += part_y
        if divide == "means":
            mean_x += part_x / n
            mean_y += part_y / n
            reached.append((mean_x / count, mean_y / count))
            shares.append(1 / (count * n))
        else:
            reached.append((sum_x / total, sum_y / total))
            shares.append(1 / total)
    large = (sum_x / total, sum_y / total)
    dx, dy = reached[-1][0] - large[0], reached[-1][1] - large[1]
    return Solution(
        sizes,
        total,
        examples,
        reached,
        shares,
        large,
        math.sqrt(dx * dx + dy * dy),
        FIXED_GB + GB_PER_EXAMPLE * sizes[0],
        FIXED_GB + GB_PER_EXAMPLE * total,
    )


def simulate(state: Mapping[str, Any]) -> Solution:
    """Everything the figure shows for a state, whatever micro-step is shown."""
    return _solve(state["size"], state["count"], state["last"], state["divide"], state["seed"])


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    solution, size, count, left = simulate(state), state["size"], state["count"], state["left"]
    if state["last"] == "full":
        parts = f"{count} micro-batches of {size}"
    else:
        batches = "batch" if count == 2 else "batches"
        parts = f"{count - 1} micro-{batches} of {size} and a last one of 1"
    end, large = _point(solution.reached[-1]), _point(solution.large)
    if left:
        done = count - left
        told = (
            f"After {done} of {count} micro-steps the accumulated gradient is "
            f"{_point(solution.reached[done])}, on its way to {end}; the large batch has {large}."
        )
    elif solution.off == 0:
        told = (
            f"The accumulated gradient is {large}, exactly that of the large batch of "
            f"{solution.all}."
        )
    else:
        told = (
            f"The accumulated gradient, {end}, misses that of the large batch of {solution.all}, "
            f"{large}, by {fixed(solution.off)}: the last example counts {size} times as much as "
            "the others."
        )
    return (
        f"{parts}. {told} They need {_memory(solution.memory)}; the large batch needs "
        f"{_memory(solution.memory_large)}."
    )


def _point(point: tuple[float, float]) -> str:
    return f"({fixed(point[0])}, {fixed(point[1])})"


def _memory(gigabytes: float) -> str:
    fits = ", more than the device has" if gigabytes > DEVICE_GB else ""
    return f"{fixed(gigabytes, 1)} GB{fits}"


def typical(state: Mapping[str, Any]) -> list[float]:
    """How far the ragged mean of means is off, and how far the large batch is from the origin."""
    solution = simulate({**state, "last": "ragged", "divide": "means"})
    return [solution.off, math.hypot(*solution.large)]
