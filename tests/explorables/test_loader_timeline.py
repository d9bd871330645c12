"""The loader timeline: its law, its sums, and a second simulation that moves clock tick by tick."""

from collections import deque
from itertools import product

import pytest

from coursekit.explorables.loader_timeline import DEFAULTS, allowed, simulate

CHOICES = allowed(DEFAULTS)
EVEN = ("memory", "quick", "slow")


def solve(**changes):
    return simulate({**DEFAULTS, **changes})


@pytest.mark.parametrize("load", EVEN)
def test_the_long_run_is_exactly_what_the_law_says(load):
    others = (CHOICES[key] for key in ("compute", "workers", "prefetch"))
    for compute, workers, prefetch in product(*others):
        solution = solve(load=load, compute=compute, workers=workers, prefetch=prefetch)
        assert solution.step == solution.law, (compute, workers, prefetch)


def test_the_steps_of_the_first_story():
    steps = [solve(load="slow", compute=10, workers=workers).step for workers in range(5)]
    assert steps == [40, 30, 15, 10, 10]


def test_busy_and_idle_share_all_the_time():
    for load, workers, time in product(CHOICES["load"], range(5), CHOICES["time"]):
        solution = solve(load=load, workers=workers, time=time)
        assert solution.busy + solution.idle == time
        assert 0 <= solution.busy <= time


def test_data_in_memory_is_fastest_without_workers_and_no_number_of_them_repairs_it():
    for compute in CHOICES["compute"]:
        without, *with_workers = (
            solve(load="memory", compute=compute, workers=workers).step for workers in range(5)
        )
        assert without == compute
        assert with_workers == [compute + 5] * 4


def test_uneven_loads_are_hidden_better_by_a_larger_prefetch_factor():
    def mean_step(prefetch):
        runs = [
            solve(load="uneven", workers=4, prefetch=prefetch, seed=seed).step
            for seed in range(100)
        ]
        return sum(runs) / len(runs)

    means = [mean_step(prefetch) for prefetch in (1, 2, 3, 4)]
    assert means == sorted(means, reverse=True)
    assert means[0] > 1.4 * means[3]


def tick_by_tick(durations, compute, hand_over, workers, prefetch):
    """The same loader as queues and a clock of 1 ms; returns when each batch is done."""
    todo = deque(range(len(durations)))
    requests = [deque() for _ in range(workers)]
    for _ in range(prefetch):
        for queue in requests:
            queue.append(todo.popleft())
    in_work, ready, done = [None] * workers, set(), []
    main_free, clock = 0, 0
    while len(done) < len(durations):
        moved = True
        while moved:  # everything that can happen at this instant
            moved = False
            for worker, queue in enumerate(requests):
                if in_work[worker] and in_work[worker][1] <= clock:
                    ready.add(in_work[worker][0])
                    in_work[worker] = None
                    moved = True
                if in_work[worker] is None and queue:
                    batch = queue.popleft()
                    in_work[worker] = (batch, clock + durations[batch])
                    moved = True
            if len(done) in ready and main_free <= clock:
                taken = len(done)
                if todo:
                    requests[taken % workers].append(todo.popleft())
                main_free = clock + hand_over + compute
                done.append(main_free)
                moved = True
        clock += 1
    return done


@pytest.mark.parametrize("load", CHOICES["load"])
@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("prefetch", [1, 2, 4])
def test_queues_and_a_clock_give_the_same_times(load, workers, prefetch):
    for compute in (5, 20):
        solution = solve(load=load, compute=compute, workers=workers, prefetch=prefetch)
        durations = [
            end - start for start, end in zip(solution.started, solution.loaded, strict=True)
        ]
        hand_over = 5 if load == "memory" else 0
        assert solution.done == tick_by_tick(durations, compute, hand_over, workers, prefetch)
