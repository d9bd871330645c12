"""Who is computed when, and in which memory? The Python mirror of scheduler.mjs.

Same arithmetic in the same order, so that both give the same bits. The picture is drawn by
scheduler.mjs alone. The rules are those of `coursekit.decoding.Engine`, step for step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from typing import Any

from .core import mulberry32

NUM_REQUESTS = 16
LONGEST = 32

DEFAULTS: dict[str, Any] = {
    "policy": "static",
    "slots": 4,
    "block": 4,
    "memory": 64,
    "seed": 690,
    "left": 0,
}
VIEWS: dict[str, dict[str, Any]] = {
    "scheduler": {},
    "scheduler-continuous": {"policy": "continuous"},
    "scheduler-reserved": {"policy": "continuous", "block": 32},
    "scheduler-short": {"policy": "continuous", "memory": 32},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "policy": ("static", "continuous"),
        "slots": (1, 2, 4, 6, 8),
        "block": (1, 2, 4, 8, 16, 32),
        "memory": (32, 64, 128, 256),
        "seed": range(1000),
        "left": range(simulate(state).steps, -1, -1),
    }


@dataclass(frozen=True)
class Solution:
    """A whole run.

    Attributes
    ----------
    requests
        Tokens of each prompt, and new tokens asked for.
    bars
        Stretches in which a request is computed: request, slot, first step, step after the last.
    carried
        Stretches in which a slot is computed for nobody: slot, first step, step after the last.
    preempted
        Requests that lost their memory: step and request.
    used, cached, waiting
        At each step: blocks in use, tokens in them, requests that wait.
    again
        Tokens computed a second time, after a preemption.
    steps, other
        Steps with this policy, and with the other one.
    """

    requests: list[tuple[int, int]]
    bars: list[tuple[int, int, int, int]]
    carried: list[tuple[int, int, int]]
    preempted: list[tuple[int, int]]
    used: list[int]
    cached: list[int]
    waiting: list[int]
    again: int
    steps: int
    other: int


def _requests(seed: int) -> list[tuple[int, int]]:
    """Prompts of 2 to 8 tokens; 1 to 24 new tokens, most of them few."""
    u = list(islice(mulberry32(seed), 2 * NUM_REQUESTS))
    return [(2 + int(7 * a), 1 + int(24 * b * b)) for a, b in zip(u[::2], u[1::2], strict=True)]


@dataclass
class _Row:
    request: int
    slot: int
    since: int
    length: int
    blocks: int


@cache
def _schedule(policy: str, slots: int, block: int, memory: int, seed: int) -> Solution:
    requests, total = _requests(seed), memory // block
    left = [new for _, new in requests]
    queue, free, step = list(range(NUM_REQUESTS)), total, 0
    running: list[_Row] = []
    lanes: list[_Row | None] = [None] * slots
    ended: list[tuple[int, int]] = []  # static: slots whose request is done, and since when
    run = Solution(requests, [], [], [], [], [], [], 0, 0, 0)
    again = 0
    started = [False] * NUM_REQUESTS

    def stop(row: _Row) -> None:
        nonlocal free
        running.remove(row)
        lanes[row.slot] = None
        free += row.blocks
        if step > row.since:
            run.bars.append((row.request, row.slot, row.since, step))

    while queue or running:
        i = 0  # room for those who run, oldest first
        while i < len(running):
            row = running[i]
            needed = -(-(row.length + 1) // block) - row.blocks
            if needed > free:
                youngest = running[-1]
                stop(youngest)
                queue.insert(0, youngest.request)
                run.preempted.append((step, youngest.request))
                if policy == "static":
                    ended.append((youngest.slot, step))
            else:
                free -= needed
                row.blocks += needed
                row.length += 1
                i += 1
        if policy == "continuous" or not running:
            run.carried.extend((slot, since, step) for slot, since in ended if step > since)
            ended.clear()
            while queue and len(running) < slots:
                request = queue[0]
                prompt, new = requests[request]
                length = prompt + new - left[request] - 1
                blocks = -(-(length + 1) // block)
                if blocks > free:
                    break
                queue.pop(0)
                again += length if started[request] else 0
                started[request] = True
                row = _Row(request, lanes.index(None), step, length + 1, blocks)
                lanes[row.slot] = row
                free -= blocks
                running.append(row)
        run.used.append(total - free)
        run.cached.append(sum(row.length for row in running))
        run.waiting.append(len(queue))
        step += 1
        for row in list(running):
            left[row.request] -= 1
            if not left[row.request]:
                stop(row)
                if policy == "static":
                    ended.append((row.slot, step))
    run.carried.extend((slot, since, step) for slot, since in ended if step > since)
    return replace(run, again=again, steps=step)


def simulate(state: Mapping[str, Any]) -> Solution:
    """Everything the figure shows for a state, whatever step is shown."""
    rest = state["slots"], state["block"], state["memory"], state["seed"]
    policy = state["policy"]
    other = "continuous" if policy == "static" else "static"
    run = _schedule(policy, *rest)
    return replace(run, other=_schedule(other, *rest).steps)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    run, block, memory = simulate(state), state["block"], state["memory"]
    now, total = run.steps - state["left"], memory // block
    name = "Static" if state["policy"] == "static" else "Continuous"
    other = "continuous" if state["policy"] == "static" else "static"
    at = max(now - 1, 0)
    used, cached = (run.used[at], run.cached[at]) if now else (0, 0)
    lost = sum(step < now for step, _ in run.preempted)
    peak = max(run.used)
    waste = used * block - cached
    when = f"In step {now}," if now else "Before the first step"
    return (
        f"{name} batching over {_count(state['slots'], 'slot')} serves {NUM_REQUESTS} requests in "
        f"{run.steps} steps, {other} batching in {run.other}. {when} "
        f"{used} of {_count(total, 'block')} {'is' if used == 1 else 'are'} in use, with "
        f"{_count(cached, 'token')} and room for {waste} more; "
        f"{_count(lost, 'preemption')} so far. At most {peak} {'is' if peak == 1 else 'are'} in "
        "use at once."
    )


def typical(state: Mapping[str, Any]) -> list[float]:
    """Steps of both policies with enough memory, and of the continuous one where it is short."""
    plain = {**state, "slots": 4, "block": 4, "memory": 128, "left": 0}
    short = {**plain, "policy": "continuous", "memory": 32}
    static = simulate({**plain, "policy": "static"})
    return [static.steps, static.other, simulate(short).steps]
