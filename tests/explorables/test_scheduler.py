"""Slots, steps and pages: the figure's schedule is the one the real engine makes."""

import numpy as np
import pytest

from coursekit.decoding import (
    GptConfig,
    Request,
    continuous_batching,
    random_gpt,
    static_batching,
)
from coursekit.explorables.scheduler import DEFAULTS, VIEWS, allowed, simulate

MODEL = random_gpt(GptConfig(11, 32, 1, 1, 4), rng=np.random.default_rng(0))


def solve(**changes):
    return simulate({**DEFAULTS, **changes})


def engine_requests(solution):
    return [Request(i, (1,) * prompt, new) for i, (prompt, new) in enumerate(solution.requests)]


def running_at(solution, step):
    return sorted(request for request, _, begin, end in solution.bars if begin <= step < end)


@pytest.mark.parametrize("seed", [690, 1, 2])
@pytest.mark.parametrize("slots", [1, 4, 8])
@pytest.mark.parametrize(("block", "memory"), [(4, 64), (1, 32), (8, 32), (32, 64), (16, 256)])
def test_continuous_is_the_engine_step_for_step(seed, slots, block, memory):
    solution = solve(policy="continuous", slots=slots, block=block, memory=memory, seed=seed)
    run = continuous_batching(
        MODEL,
        engine_requests(solution),
        num_slots=slots,
        num_blocks=memory // block,
        block_size=block,
        share_prefixes=False,
    )
    assert solution.steps == run.num_steps
    for step, there in enumerate(run.steps):
        assert running_at(solution, step) == list(there.running)
        assert solution.used[step] * block == there.tokens_reserved
        assert solution.cached[step] == there.tokens_cached
    there = [(step, request) for step, one in enumerate(run.steps) for request in one.preempted]
    assert solution.preempted == there


@pytest.mark.parametrize("seed", [690, 1, 2, 3])
@pytest.mark.parametrize("slots", [1, 2, 4, 6, 8])
def test_static_with_enough_memory_is_static_batching(seed, slots):
    solution = solve(slots=slots, memory=256, seed=seed)
    run = static_batching(MODEL, engine_requests(solution), batch_size=slots)
    assert solution.steps == run.num_steps
    for step, there in enumerate(run.steps):
        assert running_at(solution, step) == sorted(there.running)
    carried = sum(end - begin for _, begin, end in solution.carried)
    assert carried == run.rows_wasted


@pytest.mark.parametrize("seed", range(0, 1000, 97))
def test_nothing_is_lost_in_any_state(seed):
    choices = allowed(DEFAULTS)
    for policy in choices["policy"]:
        for block in choices["block"]:
            for memory in choices["memory"]:
                solution = solve(policy=policy, block=block, memory=memory, seed=seed)
                total = memory // block
                assert all(0 < used <= total for used in solution.used)
                held = zip(solution.used, solution.cached, strict=True)
                assert all(0 <= used * block - cached < 4 * block for used, cached in held)
                computed = [0] * 16
                for request, _, begin, end in solution.bars:
                    computed[request] += end - begin
                assert computed == [new for _, new in solution.requests]


def test_the_story_of_the_first_picture():
    first, reserved = solve(), solve(**VIEWS["scheduler-reserved"])
    assert 0.5 < first.other / first.steps < 0.67, "a little more than half"
    assert not first.preempted
    assert max(reserved.used) == 2, "only two rows fit when 32 tokens are set aside for each"
    assert solve(**VIEWS["scheduler-short"]).preempted
