"""What does the batch size do to the path? The Python mirror of valley.mjs.

Same arithmetic in the same order, so that both give the same bits; here all shuffles walk at once,
as arrays. The picture is drawn by valley.mjs alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .core import fixed

NUM_EXAMPLES = 16
TICKS = 64
EXAMPLES_A_TICK = 4  # in the race by examples read
NUM_SHUFFLES = 200
FAR = 1e3  # a path that leaves this square has diverged and stops there

STARTS = ("full", "mini", "sgd")
SIZES = (1, 2, 4, 8, 16)
LEARNING_RATES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9, 1, 1.2)

DEFAULTS: dict[str, Any] = {
    "batch_size": 4,
    "learning_rate": 0.2,
    "race": "updates",
    "look": "mini",
    "seed": 797,
    "time": TICKS,
    "full_w1": -10,  # starting weights in tenths
    "full_w2": 7,
    "mini_w1": 30,
    "mini_w2": 7,
    "sgd_w1": 30,
    "sgd_w2": -17,
}
VIEWS: dict[str, dict[str, Any]] = {
    "valley": {},
    "valley-sizes": {"look": "sizes", "race": "examples"},
}

Points = NDArray[np.float64]


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "batch_size": SIZES,
        "learning_rate": LEARNING_RATES,
        "race": ("updates", "examples"),
        "look": ("full", "mini", "sgd", "sizes"),
        "seed": range(10000),
        "time": range(TICKS + 1),
        **{f"{start}_w1": range(-20, 41) for start in STARTS},
        **{f"{start}_w2": range(-22, 13) for start in STARTS},
    }


@dataclass(frozen=True)
class Walk:
    """The path of one lane in the shuffle shown, and how it does in many shuffles.

    Attributes
    ----------
    name, batch_size, start
        The lane; ``start`` says whose starting weights it takes.
    kind, looked
        How it is drawn: its color, and whether the figure looks closely at it.
    path
        (w1, w2, g1, g2) after each update; g is the gradient of the update that led there.
    wins
        In how many of `NUM_SHUFFLES` shuffles this lane has the lowest loss of all at the end.
    """

    name: str
    batch_size: int
    start: str
    kind: str
    looked: bool
    path: list[list[float]]
    wins: int


def data() -> tuple[Points, Points]:
    """Features (16, 2) and targets (16,), all of them exact in binary.

    A grid, narrow along x1: that is what makes a valley along w1. The targets are x1 - x2 / 2 and
    an error of ±1/4 like the colors of a chessboard, so that the minimum is (1, -1/2).
    """
    i = np.arange(NUM_EXAMPLES)
    x, y = 0.375 * (i % 4 - 1.5), i // 4 - 1.5
    error = np.where((i + i // 4) % 2, 0.25, -0.25)
    return np.column_stack([x, y]), x - y / 2 + error


FEATURES, TARGETS = data()
MINIMUM = (1.0, -0.5)
CURVATURES = (0.3515625, 2.5)  # of the mean squared error, along w1 and along w2


def excess(x: Any, y: Any) -> Any:
    """The mean squared error at weights (x, y), less its smallest value."""
    return CURVATURES[0] / 2 * (x - 1) * (x - 1) + CURVATURES[1] / 2 * (y + 0.5) * (y + 0.5)


def _uniforms(seeds: NDArray[np.uint64], draws: NDArray[np.uint64]) -> Points:
    """Draw number ``draws`` (from 1) of `mulberry32` for each seed, which counts its draws."""
    mask = np.uint64(0xFFFFFFFF)
    counter = (seeds[:, None] + draws * np.uint64(0x6D2B79F5)) & mask
    mixed = ((counter ^ (counter >> np.uint64(15))) * (counter | np.uint64(1))) & mask
    more = ((mixed ^ (mixed >> np.uint64(7))) * (mixed | np.uint64(61))) & mask
    mixed ^= (mixed + more) & mask
    uniforms: Points = (mixed ^ (mixed >> np.uint64(14))) / 4294967296
    return uniforms


def walks(
    batch_size: int,
    learning_rate: float,
    seeds: Sequence[int],
    start: tuple[float, float],
    updates: int,
) -> Points:
    """Mini-batch gradient descent in each shuffle, an epoch being a new shuffle of the data.

    Returns (w1, w2, g1, g2) after each update, shape ``(updates + 1, 4, len(seeds))``.
    """
    x, y = (np.full(len(seeds), coordinate) for coordinate in start)
    none = np.zeros(len(seeds))
    path = [np.array([x, y, none, none])]
    order = np.tile(np.arange(NUM_EXAMPLES), (len(seeds), 1))
    rows, taken, epoch = np.arange(len(seeds)), NUM_EXAMPLES, 0
    for _ in range(updates):
        if taken == NUM_EXAMPLES:
            taken = 0
            if batch_size < NUM_EXAMPLES:
                _shuffle(order, rows, np.asarray(seeds, dtype=np.uint64), epoch, batch_size)
            epoch += 1
        g, h = np.zeros(len(seeds)), np.zeros(len(seeds))
        for k in range(taken, taken + batch_size):
            first, second = FEATURES[order[:, k]].T
            error = 2 * (first * x + second * y - TARGETS[order[:, k]])
            g = g + error * first
            h = h + error * second
        taken += batch_size
        g, h = g / batch_size, h / batch_size
        inside = (np.abs(x) < FAR) & (np.abs(y) < FAR)
        x, y = (
            np.where(inside, x - learning_rate * g, x),
            np.where(inside, y - learning_rate * h, y),
        )
        path.append(np.array([x, y, g, h]))
    return np.array(path)


def _shuffle(
    order: NDArray[np.int64],
    rows: NDArray[np.int64],
    seeds: NDArray[np.uint64],
    epoch: int,
    batch_size: int,
) -> None:
    first = epoch * (NUM_EXAMPLES - 1) + 1
    draws = np.arange(first, first + NUM_EXAMPLES - 1, dtype=np.uint64)
    uniforms = _uniforms(seeds * np.uint64(64) + np.uint64(batch_size), draws)
    for draw, i in enumerate(range(NUM_EXAMPLES - 1, 0, -1)):
        j = np.floor(uniforms[:, draw] * (i + 1)).astype(np.int64)
        order[rows, i], order[rows, j] = order[rows, j], order[rows, i].copy()


def _lanes(state: Mapping[str, Any]) -> list[tuple[str, int, str, str, bool]]:
    """Name, batch size, start and looks of each lane."""
    chosen, look = state["batch_size"], state["look"]
    if look == "sizes":
        colors = dict.fromkeys(SIZES, "ink") | {chosen: "vermillion", NUM_EXAMPLES: "blue"}
        return [(f"B = {size}", size, "mini", colors[size], size == chosen) for size in SIZES]
    return [
        ("Full batch", NUM_EXAMPLES, "full", "blue", look == "full"),
        ("Mini-batch", chosen, "mini", "vermillion", look == "mini"),
        ("SGD", 1, "sgd", "ink", look == "sgd"),
    ]


def _start(state: Mapping[str, Any], start: str) -> tuple[float, float]:
    return state[f"{start}_w1"] / 10, state[f"{start}_w2"] / 10


def updates_made(state: Mapping[str, Any], batch_size: int) -> int:
    """How many updates a lane has made at ``state["time"]``."""
    time: int = state["time"]
    return time if state["race"] == "updates" else time * EXAMPLES_A_TICK // batch_size


@cache
def _final_losses(
    batch_size: int, rate: float, start: tuple[float, float], updates: int, shuffles: int
) -> Points:
    """How each of the first shuffles ends: loss above the minimum, infinite where it diverged."""
    x, y, *_ = walks(batch_size, rate, range(shuffles), start, updates)[-1]
    inside = (np.abs(x) < FAR) & (np.abs(y) < FAR)
    return np.where(inside, excess(x, y), np.inf)


def simulate(state: Mapping[str, Any]) -> list[Walk]:
    """Every lane's path for a state, whatever time is shown."""
    rate, lanes, losses = state["learning_rate"], _lanes(state), []
    paths: list[list[list[float]]] = []
    for _, size, start, *_ in lanes:
        at, updates = _start(state, start), updates_made({**state, "time": TICKS}, size)
        paths.append(walks(size, rate, [state["seed"]], at, updates)[:, :, 0].tolist())
        losses.append(_final_losses(size, rate, at, updates, NUM_SHUFFLES))
    ends = np.array(losses)
    lowest = np.where(np.isfinite(ends.min(axis=0)), ends.argmin(axis=0), -1)
    return [
        Walk(*lane, path, int((lowest == i).sum()))
        for i, (lane, path) in enumerate(zip(lanes, paths, strict=True))
    ]


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    time, by_updates = state["time"], state["race"] == "updates"
    lanes = simulate(state)
    made = [updates_made(state, lane.batch_size) for lane in lanes]
    head = f"After {_count(time, 'update') if by_updates else _count(4 * time, 'example')} each"
    now = ", ".join(
        f"{_shown(lane.path[updates])} for {lane.name} "
        f"({f'{updates * lane.batch_size} read' if by_updates else _count(updates, 'update')})"
        for lane, updates in zip(lanes, made, strict=True)
    )
    wins = ", ".join(f"{lane.name} in {lane.wins}" for lane in lanes)
    sentences = [
        f"{head}, the loss above the minimum is: {now}.",
        f"Lowest at the end in {NUM_SHUFFLES} shuffles: {wins}.",
    ]
    limit = 2 / CURVATURES[1]
    if state["learning_rate"] > limit:
        sentences.append(
            f"Above the learning rate {fixed(limit)} even the full batch diverges, unless it "
            "starts on the floor."
        )
    return " ".join(sentences)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _shown(point: list[float]) -> str:
    x, y, *_ = point
    if abs(x) >= FAR or abs(y) >= FAR:
        return "diverged"
    loss = excess(x, y)
    if loss < 0.00005:
        return "under 0.0001"
    return fixed(loss, 4 if loss < 10 else 1)


def typical(state: Mapping[str, Any]) -> list[float]:
    """The final losses of the mini-batch and of SGD, in both races."""
    found = []
    for race in ("updates", "examples"):
        for _, size, start, *_ in _lanes({**state, "look": "mini"})[1:]:
            updates = updates_made({"race": race, "time": TICKS}, size)
            shuffles = len(allowed(state)["seed"])
            losses = _final_losses(
                size, state["learning_rate"], _start(state, start), updates, shuffles
            )
            found.append(float(losses[state["seed"]]))
    return found
