"""How do K ranks add up their vectors? The Python mirror of all_reduce.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
all_reduce.mjs alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from .core import fixed, mulberry32

MB_PER_MS = 10
MS_PER_STEP = 0.05
NAMES = {"ring": "ring", "server": "one in the middle", "everyone": "all to all"}
MISSING = 1

DEFAULTS: dict[str, Any] = {
    "way": "ring",
    "ranks": 4,
    "megabytes": 100,
    "present": "all",
    "seed": 1,
    "time": 6,
}
VIEWS: dict[str, dict[str, Any]] = {
    "all_reduce": {},
    "all_reduce-missing": {"present": "missing", "time": 3},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "way": tuple(NAMES),
        "ranks": range(2, 9),
        "megabytes": (0.1, 1, 10, 100, 1000),
        "present": ("all", "missing"),
        "seed": range(1000),
        "time": range(_count_steps(state["way"], state["ranks"]) + 1),
    }


@dataclass(frozen=True)
class Cost:
    """What one way costs: steps, vectors that the busiest rank sends, and time."""

    steps: int
    sends: float
    milliseconds: float


@dataclass(frozen=True)
class Solution:
    """What every rank holds after the steps so far.

    Attributes
    ----------
    held, counts
        ``held[r][c]``: rank r's sum for chunk c; ``counts[r][c]``: over how many ranks it goes.
    made
        The messages of the last step: sender, receiver, and the chunk (-1: the whole vector).
    sent
        How much each rank has sent so far, in vectors.
    waiting
        Which ranks wait for a message that will not come.
    complete
        How many of the K · K sums go over all ranks.
    ways
        The cost of the three ways, in the order of ``NAMES``.
    """

    held: list[list[int]]
    counts: list[list[int]]
    made: list[tuple[int, int, int]]
    sent: list[float]
    waiting: list[bool]
    complete: int
    ways: list[Cost]


def _count_steps(way: str, ranks: int) -> int:
    return (1 if way == "everyone" else 2) * (ranks - 1)


def _messages(way: str, ranks: int, step: int) -> list[tuple[int, int, int]]:
    """Who sends which chunk to whom in a step (from 1 on), were all ready."""
    if way == "server":
        return [(step, 0, -1)] if step <= ranks - 1 else [(0, step - ranks + 1, -1)]
    if way == "everyone":
        return [(rank, (rank + step) % ranks, -1) for rank in range(ranks)]
    return [(rank, (rank + 1) % ranks, (rank - step + 1) % ranks) for rank in range(ranks)]


def _cost(way: str, ranks: int, megabytes: float) -> Cost:
    """In the ring all links are busy at once; in the middle sits one rank, and they take turns."""
    steps = _count_steps(way, ranks)
    sends = steps / ranks if way == "ring" else float(ranks - 1)
    turns = sends if way == "ring" else steps
    return Cost(steps, sends, steps * MS_PER_STEP + turns * megabytes / MB_PER_MS)


def simulate(state: Mapping[str, Any]) -> Solution:
    """Everything the figure shows for a state."""
    way, ranks = state["way"], state["ranks"]
    numbers = [1 + math.floor(9 * u) for u in islice(mulberry32(state["seed"]), 64)]
    own = [numbers[8 * rank : 8 * rank + ranks] for rank in range(ranks)]
    held = [list(row) for row in own]
    counts = [[1] * ranks for _ in range(ranks)]
    gone = MISSING if state["present"] == "missing" else -1
    stuck, sent = [False] * ranks, [0.0] * ranks
    made: list[tuple[int, int, int]] = []
    halted = False
    for step in range(1, state["time"] + 1):
        planned = _messages(way, ranks, step)
        made = [
            (sender, receiver, chunk)
            for sender, receiver, chunk in planned
            if not halted
            and gone not in (sender, receiver)
            and not (way == "ring" and stuck[sender])
        ]
        halted = halted or (way == "server" and not made)
        before = [list(row) for row in held]
        sizes = [list(row) for row in counts]
        for sender, receiver, chunk in made:
            sent[sender] += 1 if chunk < 0 else 1 / ranks
            values = own if way == "everyone" else before
            for c in range(ranks) if chunk < 0 else (chunk,):
                if step <= ranks - 1:
                    held[receiver][c] = before[receiver][c] + values[sender][c]
                    more = 1 if way == "everyone" else sizes[sender][c]
                    counts[receiver][c] = sizes[receiver][c] + more
                else:
                    held[receiver][c] = before[sender][c]
                    counts[receiver][c] = sizes[sender][c]
        got = {receiver for _, receiver, _ in made}
        for rank in range(ranks):
            if way == "ring":
                waits = rank not in got
            elif way == "server":
                waits = halted
            else:
                waits = any(to == rank and sender == gone for sender, to, _ in planned)
            stuck[rank] = stuck[rank] or (waits and rank != gone)
    complete = sum(count == ranks for row in counts for count in row)
    ways = [_cost(name, ranks, state["megabytes"]) for name in NAMES]
    return Solution(held, counts, made, sent, stuck, complete, ways)


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    solution, way, ranks = simulate(state), state["way"], state["ranks"]
    cost, megabytes = solution.ways[list(NAMES).index(way)], state["megabytes"]
    who = (
        f"{ranks} ranks, {megabytes} MB each, {NAMES[way]}: after step {state['time']} of "
        f"{cost.steps}, {solution.complete} of {ranks * ranks} sums are complete."
    )
    if state["present"] == "missing":
        count, others = sum(solution.waiting), ranks - 1
        if not count:
            return f"{who} Rank 1 is missing, and nobody waits for it yet."
        waiting = "the other" if others == 1 else f"{count} of the {others} others"
        return (
            f"{who} Rank 1 is missing, and {waiting} "
            f"{'waits' if count == 1 else 'wait'} for a message that will not come. "
            "Nobody tells them."
        )
    sent = fixed(max(solution.sent) * megabytes, 3 if megabytes < 1 else 1)
    return (
        f"{who} The busiest rank has sent {sent} MB. The whole "
        f"is {fixed(cost.sends, 2)} times a vector from the busiest rank and takes "
        f"{fixed(cost.milliseconds, 2)} ms at 10 GB a second and 0.05 ms a step."
    )


def typical(state: Mapping[str, Any]) -> list[float]:
    """The numbers to add up, the only thing the seed decides: their sum, and that of one chunk."""
    first = simulate({**state, "way": "ring", "ranks": 4, "present": "all", "time": 0}).held
    return [float(sum(map(sum, first))), float(sum(row[0] for row in first))]
