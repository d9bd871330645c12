"""What does the order of the examples do to the path? The Python mirror of shuffle.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
shuffle.mjs alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .core import fixed, mulberry32

NUM_EXAMPLES = 64
EPOCHS = 4
TOTAL = NUM_EXAMPLES * EPOCHS
BUFFER_SIZE = 16
FAR = 1e6  # beyond this the path counts as diverged and stands still
NAMES = {
    "sorted": "Sorted",
    "once": "Shuffled once",
    "fresh": "Reshuffled",
    "with": "With replacement",
    "buffer": f"Buffer of {BUFFER_SIZE}",
}

DEFAULTS: dict[str, Any] = {
    "order": "sorted",
    "batch_size": 4,
    "learning_rate": 0.1,
    "seed": 217,
    "seen": TOTAL,
}
VIEWS: dict[str, dict[str, Any]] = {"shuffle": {}, "shuffle-buffer": {"order": "buffer"}}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take; only whole batches can have been used."""
    return {
        "order": tuple(NAMES),
        "batch_size": (1, 2, 4, 8, 16, 32, 64),
        "learning_rate": (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.2),
        "seed": range(1000),
        "seen": range(0, TOTAL + 1, state["batch_size"]),
    }


@dataclass(frozen=True)
class Solution:
    """Four epochs of one order.

    Attributes
    ----------
    used
        The examples in the order in which they were used, 256 of them.
    path
        (w, b) at the start and after each batch; once it has diverged it stands still.
    """

    used: list[int]
    path: list[tuple[float, float]]


def _points() -> list[float]:
    """32 points of class -1 around -0.8, then their mirror images of class +1."""
    random = mulberry32(8)
    half = []
    for _ in range(NUM_EXAMPLES // 2):
        total = -2.0
        for _ in range(4):
            total += next(random)
        half.append(total * math.sqrt(3) - 0.8)
    return [*half, *(-point for point in half)]


POINTS = _points()
LABELS = [-1] * (NUM_EXAMPLES // 2) + [1] * (NUM_EXAMPLES // 2)


def _best() -> tuple[float, float]:
    products = squares = 0.0
    for point, label in zip(POINTS, LABELS, strict=True):
        products += point * label
        squares += point * point
    return products / squares, 0.0


BEST = _best()


def _shuffled(items: Sequence[int], random: Iterator[float]) -> list[int]:
    order = list(items)
    for i in range(len(order) - 1, 0, -1):
        j = math.floor(next(random) * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order


def _through_buffer(random: Iterator[float]) -> list[int]:
    buffer, order = list(range(BUFFER_SIZE)), []
    for item in range(BUFFER_SIZE, NUM_EXAMPLES):
        place = math.floor(next(random) * BUFFER_SIZE)
        order.append(buffer[place])
        buffer[place] = item
    return order + _shuffled(buffer, random)


def _arrange(order: str, seed: int) -> list[int]:
    random, stored = mulberry32(seed), list(range(NUM_EXAMPLES))
    once = _shuffled(stored, random)
    epochs: dict[str, Callable[[], list[int]]] = {
        "sorted": lambda: stored,
        "once": lambda: once,
        "fresh": lambda: _shuffled(stored, random),
        "with": lambda: [math.floor(next(random) * NUM_EXAMPLES) for _ in stored],
        "buffer": lambda: _through_buffer(random),
    }
    return [example for _ in range(EPOCHS) for example in epochs[order]()]


def _diverged(point: tuple[float, float]) -> bool:
    return abs(point[0]) > FAR or abs(point[1]) > FAR


@cache
def _simulate(order: str, batch_size: int, learning_rate: float, seed: int) -> Solution:
    used = _arrange(order, seed)
    w, b = 0.0, 0.0
    path = [(w, b)]
    for start in range(0, TOTAL, batch_size):
        slope_w = slope_b = 0.0
        for i in used[start : start + batch_size]:
            error = w * POINTS[i] + b - LABELS[i]
            slope_w += 2 * error * POINTS[i]
            slope_b += 2 * error
        if not _diverged((w, b)):
            w -= (learning_rate * slope_w) / batch_size
            b -= (learning_rate * slope_b) / batch_size
        path.append((w, b))
    return Solution(used, path)


def simulate(state: Mapping[str, Any]) -> Solution:
    """All four epochs, however many examples are shown."""
    return _simulate(state["order"], state["batch_size"], state["learning_rate"], state["seed"])


def losses(point: tuple[float, float]) -> tuple[float, float, float]:
    """Mean squared error of w x + b on class -, on class + and on both."""
    w, b = point
    sums = [0.0, 0.0]
    for i, (x, label) in enumerate(zip(POINTS, LABELS, strict=True)):
        error = w * x + b - label
        sums[0 if i < NUM_EXAMPLES // 2 else 1] += error * error
    half = NUM_EXAMPLES // 2
    return sums[0] / half, sums[1] / half, (sums[0] + sums[1]) / NUM_EXAMPLES


def swing(path: Sequence[tuple[float, float]], state: Mapping[str, Any]) -> float | None:
    """How far b goes to and fro in the last 64 examples.

    None before there are as many, and once the path has diverged.
    """
    seen, batch_size = state["seen"], state["batch_size"]
    if seen < NUM_EXAMPLES or _diverged(path[seen // batch_size]):
        return None
    shown = path[(seen - NUM_EXAMPLES) // batch_size : seen // batch_size + 1]
    biases = [b for _, b in shown]
    return max(biases) - min(biases)


def typical(state: Mapping[str, Any]) -> list[float]:
    """The loss on both classes at the end, for the orders that chance decides."""
    orders = ("once", "fresh", "with", "buffer")
    return [losses(simulate({**state, "order": order}).path[-1])[2] for order in orders]


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    solution, seen, batch_size = simulate(state), state["seen"], state["batch_size"]
    how = (
        f"{NAMES[state['order']]}, batches of {batch_size}, learning rate {state['learning_rate']}."
    )
    if seen == 0:
        return f"{how} No batch is used yet; the path starts at w = 0, b = 0."
    point = solution.path[seen // batch_size]
    minus, plus, both = losses(point)
    error = (
        f"After {seen} example{'s' * (seen > 1)} the mean squared error is {_number(minus)} on "
        f"class −, {_number(plus)} on class + and {_number(both)} on both; "
        f"the best line has {fixed(losses(BEST)[2])} on both."
    )
    wide = swing(solution.path, state)
    moved = (
        f" In the last {NUM_EXAMPLES} examples b swung over a range of {_number(wide)}."
        if wide is not None
        else ""
    )
    epoch = max(0, -(-seen // NUM_EXAMPLES) - 1)
    times = [0] * NUM_EXAMPLES
    for i in solution.used[epoch * NUM_EXAMPLES : seen]:
        times[i] += 1
    covered, more = sum(t > 0 for t in times), sum(t > 1 for t in times)
    again = f", {more} of them more than once" if more else ""
    cover = f" Epoch {epoch + 1} has used {covered} of {NUM_EXAMPLES} examples so far{again}."
    end = (
        " The path has diverged; a smaller learning rate brings it back."
        if _diverged(point)
        else ""
    )
    return f"{how} {error}{moved}{cover}{end}"


def _number(value: float) -> str:
    return fixed(value) if abs(value) < 1000 else "over 1000"
