"""The all-reduce figure: its sums, its costs, the course's own ring, and the stall."""

from itertools import product

import numpy as np
import pytest

from coursekit.explorables.all_reduce import DEFAULTS, MISSING, NAMES, allowed, simulate
from coursekit.training.ring import ring_all_reduce, ring_seconds

CHOICES = allowed(DEFAULTS)


def solve(**changes):
    return simulate({**DEFAULTS, **changes})


def last(way, ranks):
    return allowed({**DEFAULTS, "way": way, "ranks": ranks})["time"][-1]


@pytest.mark.parametrize(("way", "ranks"), list(product(NAMES, range(2, 9))))
def test_every_rank_ends_with_every_sum_and_not_a_step_earlier(way, ranks):
    start = np.array(solve(way=way, ranks=ranks, time=0).held)
    end = solve(way=way, ranks=ranks, time=last(way, ranks))
    assert (np.array(end.held) == start.sum(axis=0)).all()
    assert end.complete == ranks * ranks
    assert (np.array(end.counts) == ranks).all()
    assert solve(way=way, ranks=ranks, time=last(way, ranks) - 1).complete < ranks * ranks


@pytest.mark.parametrize("ranks", range(2, 9))
def test_the_ring_is_the_one_of_the_course(ranks):
    start = np.array(solve(ranks=ranks, time=0).held)
    held, sent = ring_all_reduce(start)
    end = solve(ranks=ranks, time=last("ring", ranks))
    assert (held == end.held).all()
    assert end.sent == pytest.approx(sent / ranks)
    cost = ring_seconds(100e6, ranks, latency=0.05e-3, bandwidth=10e9)
    assert end.ways[0].milliseconds == pytest.approx(1e3 * cost)


@pytest.mark.parametrize(("way", "ranks"), list(product(NAMES, range(2, 9))))
def test_the_stated_cost_is_what_was_sent(way, ranks):
    end = solve(way=way, ranks=ranks, time=last(way, ranks))
    stated = end.ways[list(NAMES).index(way)]
    assert stated.steps == last(way, ranks)
    assert max(end.sent) == pytest.approx(stated.sends)


def test_all_to_all_wins_for_a_tiny_vector_and_the_ring_for_a_large_one():
    ring, _, everyone = solve(ranks=8, megabytes=0.1).ways
    assert everyone.milliseconds < ring.milliseconds
    ring, server, everyone = solve(ranks=8, megabytes=1000).ways
    assert server.milliseconds > everyone.milliseconds > 3.9 * ring.milliseconds


@pytest.mark.parametrize(("way", "ranks"), list(product(NAMES, range(2, 9))))
def test_with_one_missing_all_others_wait_in_the_end_and_no_sum_is_complete(way, ranks):
    end = solve(way=way, ranks=ranks, present="missing", time=last(way, ranks))
    assert end.complete == 0
    assert [rank for rank, waits in enumerate(end.waiting) if not waits] == [MISSING]


def test_in_the_ring_the_stall_travels_one_rank_a_step():
    waiting = [sum(solve(ranks=8, present="missing", time=time).waiting) for time in range(15)]
    assert waiting == [0, 1, 2, 3, 4, 5, 6, *[7] * 8]
