"""How can a softmax be right that never sees its whole row? The Python mirror of tiles.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
tiles.mjs alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from .core import fixed, mulberry32

NUM_KEYS = 64
HALF_MAX = 65504  # the largest number of half precision

DEFAULTS: dict[str, Any] = {"tile": 8, "method": "correct", "seed": 9, "read": NUM_KEYS}
VIEWS: dict[str, dict[str, Any]] = {
    "tiles": {},
    "tiles-middle": {"read": 24},
    "tiles-leave": {"method": "keep"},
    "tiles-overflow": {"method": "raw"},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "tile": (1, 2, 4, 8, 16, 32, 64),
        "method": ("correct", "keep", "raw"),
        "seed": range(1000),
        "read": range(0, NUM_KEYS + 1, state["tile"]),
    }


@dataclass(frozen=True)
class Step:
    """What is kept after a tile.

    Attributes
    ----------
    highest
        The largest score so far.
    rise
        By how much this tile raised it.
    factor
        What the sums so far were multiplied by.
    total, output
        Sum of the weights, and the average position by weight; None once half precision overflowed.
    """

    highest: int
    rise: int
    factor: float
    total: float | None
    output: float | None


@dataclass(frozen=True)
class Solution:
    """The softmax of the whole row, and what is kept after each tile.

    Attributes
    ----------
    scores
        One whole number for each key: its weight is 2 to that power.
    highest, total, output
        Largest score, sum of the weights relative to it, and average position, of the whole row.
    steps
        One for each tile.
    off
        Distance of the last output from that of the whole row; None after an overflow.
    """

    scores: list[int]
    highest: int
    total: float
    output: float
    steps: list[Step]
    off: float | None


def _power(exponent: int) -> float:
    """2 to a whole power, exactly."""
    return math.ldexp(1.0, exponent)


@cache
def _scores(seed: int) -> list[int]:
    """Between 3 and 19, most near 11; scores count doublings, so that every sum is exact."""
    u = mulberry32(seed)
    return [3 + math.floor(5.5 * (next(u) + next(u) + next(u))) for _ in range(NUM_KEYS)]


@cache
def _solve(tile: int, method: str, seed: int) -> Solution:
    scores = _scores(seed)
    top = max(scores)
    total = sum(_power(score - top) for score in scores)
    whole = sum((j + 1) * _power(score - top) for j, score in enumerate(scores)) / total
    steps: list[Step] = []
    kept, weighted, overflow = 0.0, 0.0, False
    for start in range(0, NUM_KEYS, tile):
        piece = scores[start : start + tile]
        before = steps[-1].highest if steps else max(piece)
        highest = max(before, *piece)
        rise = highest - before
        factor = _power(-rise) if method == "correct" else 1.0
        shift = 0 if method == "raw" else highest
        kept, weighted = kept * factor, weighted * factor
        for j, score in enumerate(piece, start=start + 1):
            kept += _power(score - shift)
            weighted += j * _power(score - shift)
        overflow = overflow or kept > HALF_MAX
        sums = (None, None) if overflow else (kept, weighted / kept)
        steps.append(Step(highest, rise, factor, *sums))
    last = steps[-1].output
    off = None if last is None else abs(last - whole)
    return Solution(scores, top, total, whole, steps, off)


def simulate(state: Mapping[str, Any]) -> Solution:
    """Everything the figure shows for a state, however many keys are shown as read."""
    return _solve(state["tile"], state["method"], state["seed"])


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    solution, tile, method, read = simulate(state), state["tile"], state["method"], state["read"]
    truth, start = fixed(solution.output), f"Tiles of {tile}, {read} of {NUM_KEYS} keys read."
    if not read:
        return (
            f"{start} Nothing is known yet; the softmax over the whole row looks at position "
            f"{truth} on average."
        )
    now = solution.steps[read // tile - 1]
    if now.output is None or now.total is None:
        return (
            f"{start} The sum of the weights is larger than {HALF_MAX}, the largest number of half "
            "precision: it is infinite, and the output is not a number. Subtract the largest score "
            "and it comes back."
        )
    middle = (
        f"Largest score {now.highest}, sum {fixed(now.total)}, output {fixed(now.output)}."
        f"{_told_rise(now, method) if read > tile and now.rise > 0 else ''}"
    )
    if read < NUM_KEYS:
        end = f"The whole row has the output {truth}."
    elif solution.off == 0 and method == "keep" and tile < NUM_KEYS:
        end = (
            f"The output of the whole row is {truth}: equal by luck. The first tile held the "
            "largest score, so there was nothing to correct."
        )
    elif solution.off == 0:
        end = (
            f"The output of the whole row is {truth}: equal to the last bit, and never more than "
            f"{tile} of the {NUM_KEYS} scores were held."
        )
    else:
        end = (
            f"The output of the whole row is {truth}: off by {fixed(solution.off or 0)}, because "
            f"keys read before the largest score, {solution.highest}, count too much."
        )
    return f"{start} {middle} {end}"


def _told_rise(now: Step, method: str) -> str:
    share = f"1/{int(_power(now.rise))}"
    done = {
        "correct": f"was multiplied by {share}",
        "keep": f"should have been multiplied by {share}, and was not",
        "raw": "needs no factor, as long as nothing overflows",
    }
    return (
        f" The last tile raised the largest score by {now.rise}: what was added up before "
        f"{done[method]}."
    )


def typical(state: Mapping[str, Any]) -> list[float]:
    """The output, and how far it would be off if the sums were never corrected."""
    wrong = simulate({**state, "method": "keep"})
    return [wrong.output, wrong.off or 0.0]
