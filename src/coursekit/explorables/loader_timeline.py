"""Why does the accelerator wait? The Python mirror of loader_timeline.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
loader_timeline.mjs alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from .core import fixed, mulberry32

NUM_BATCHES = 96
LONG_RUN = 60  # the last batches: a whole number of rounds of 1, 2, 3 or 4 workers
HAND_OVER = 5
MEAN_LOAD = {"memory": 0, "quick": 10, "slow": 30, "uneven": 30}

DEFAULTS: dict[str, Any] = {
    "load": "slow",
    "compute": 10,
    "workers": 2,
    "prefetch": 2,
    "seed": 6,
    "time": 240,
}
VIEWS: dict[str, dict[str, Any]] = {
    "loader_timeline": {},
    "loader_timeline-memory": {"load": "memory", "compute": 5},
    "loader_timeline-uneven": {"load": "uneven", "workers": 4, "prefetch": 1},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "load": tuple(MEAN_LOAD),
        "compute": (5, 10, 20, 30),
        "workers": range(5),
        "prefetch": range(1, 5),
        "seed": range(1000),
        "time": range(0, 241, 5),
    }


@dataclass(frozen=True)
class Solution:
    """When each batch is loaded and used, in ms; and what that adds up to.

    Attributes
    ----------
    started, loaded
        When a process begins to load the batch, and when it is ready.
    taken
        When the main process takes it; from here on it is handed over, then computed.
    computing, done
        When the accelerator begins and ends its step with the batch.
    step
        Time of one step in the long run: mean over the last batches.
    law
        max(load / workers, hand-over + compute), or load + compute without workers.
    busy, idle
        How long the accelerator computed, and did not, up to the time shown.
    """

    started: list[int]
    loaded: list[int]
    taken: list[int]
    computing: list[int]
    done: list[int]
    step: float
    law: float
    busy: int
    idle: int


def _load_times(load: str, seed: int) -> list[int]:
    """Batch by batch in ms. Uneven: one in four takes 90, the others 10, so 30 on average."""
    if load != "uneven":
        return [MEAN_LOAD[load]] * NUM_BATCHES
    return [90 if u < 0.25 else 10 for u in islice(mulberry32(seed), NUM_BATCHES)]


@cache
def _schedule(
    load: str, compute: int, workers: int, prefetch: int, seed: int
) -> tuple[list[int], list[int], list[int], list[int], list[int]]:
    """Follow the rules of PyTorch's loader: batch k belongs to worker k mod W, in order.

    Each worker may be ``prefetch`` batches ahead; taking a batch sends out the next request.
    """
    hand_over = HAND_OVER if load == "memory" and workers else 0
    started: list[int] = []
    loaded: list[int] = []
    taken: list[int] = []
    computing: list[int] = []
    done: list[int] = []
    for k, duration in enumerate(_load_times(load, seed)):
        free = done[k - 1] if k else 0
        if workers:
            ahead = workers * prefetch
            asked = taken[k - ahead] if k >= ahead else 0
            start = max(asked, loaded[k - workers]) if k >= workers else asked
        else:
            start = free
        started.append(start)
        loaded.append(start + duration)
        taken.append(max(free, loaded[k]))
        computing.append(taken[k] + hand_over)
        done.append(computing[k] + compute)
    return started, loaded, taken, computing, done


def simulate(state: Mapping[str, Any]) -> Solution:
    """Everything the figure shows for a state."""
    load, compute, workers = state["load"], state["compute"], state["workers"]
    schedule = _schedule(load, compute, workers, state["prefetch"], state["seed"])
    computing, done = schedule[3], schedule[4]
    busy = sum(
        max(0, min(end, state["time"]) - begin) for begin, end in zip(computing, done, strict=True)
    )
    hand_over = HAND_OVER if load == "memory" else 0
    law = (
        max(MEAN_LOAD[load] / workers, hand_over + compute)
        if workers
        else MEAN_LOAD[load] + compute
    )
    step = (done[NUM_BATCHES - 1] - done[NUM_BATCHES - 1 - LONG_RUN]) / LONG_RUN
    return Solution(*schedule, step, float(law), busy, state["time"] - busy)


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    solution, load, workers = simulate(state), state["load"], state["workers"]
    compute, mean = state["compute"], MEAN_LOAD[state["load"]]
    who = "1 worker" if workers == 1 else f"{workers} workers"
    step = fixed(solution.step, 1)
    if load == "memory":
        inline = fixed(compute, 1)
        says = (
            f"Nothing to load and no workers: a step takes {step} ms, all of it computing."
            if not workers
            else f"Nothing to load, but each batch from a worker costs {HAND_OVER} ms to hand "
            f"over: with {who} a step takes {step} ms, without workers {inline} ms."
        )
    elif not workers:
        says = (
            f"No workers: load for {mean} ms{' on average' if load == 'uneven' else ''}, then "
            f"compute for {compute} ms. A step takes {step} ms."
        )
    else:
        if solution.step > solution.law + 0.05:
            bound = "slow batches hold up those behind them"
            more = state["prefetch"] + 1
            if more <= 4 and simulate({**state, "prefetch": more}).step < solution.step - 0.05:
                bound += "; a larger prefetch_factor helps"
        elif mean / workers > compute:
            bound = "loading is the bottleneck"
        else:
            bound = "computing is the bottleneck, and more workers change nothing"
        says = (
            f"With {who} a step takes {step} ms in the long run; the law "
            f"max({mean} ÷ {workers}, {compute}) says {fixed(solution.law, 1)} ms: {bound}."
        )
    count = sum(end <= state["time"] for end in solution.done)
    return (
        f"{says} After {state['time']} ms {count} {'batch is' if count == 1 else 'batches are'} "
        f"done; the accelerator was busy for {solution.busy} ms and idle for {solution.idle} ms."
    )


def typical(state: Mapping[str, Any]) -> list[float]:
    """Long-run step time with uneven loads, the only case in which the seed matters."""
    uneven = {**state, "load": "uneven", "workers": 4}
    return [simulate({**uneven, "prefetch": prefetch}).step for prefetch in (1, 4)]
