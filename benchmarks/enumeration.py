"""Moments over all batches, and random batches by the hundred thousand.

    python benchmarks/enumeration.py

prints the tables and stores them in benchmarks/results/enumeration.md.
"""

from __future__ import annotations

import math
from itertools import combinations

from interleave import Times, interleave, milliseconds, ratios, spread, table, write_report

# The import above limits NumPy and PyTorch to one thread, so it comes first.
# isort: split

import numpy as np

from coursekit.gradients import (
    all_batch_means,
    exact_moments,
    exact_moments_fractions,
    monte_carlo_batch_means,
    variance_without_replacement,
)

NUM_PARAMS = 8


def rows(num_examples: int) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(num_examples, NUM_PARAMS))


def subset_sums(half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of every subset, and how many members it has."""
    sums = np.zeros((1, half.shape[1]))
    members = np.zeros(1, dtype=int)
    for row in half:
        sums, members = np.concatenate([sums, sums + row]), np.concatenate([members, members + 1])
    return sums, members


def meet_in_the_middle(gradients: np.ndarray, batch_size: int) -> np.ndarray:
    """The covariance, by listing all subset sums of the two halves and pairing them up."""
    centered = gradients - gradients.mean(axis=0)
    half = len(gradients) // 2
    (left, left_members), (right, right_members) = map(
        subset_sums, (centered[:half], centered[half:])
    )
    second = np.zeros((NUM_PARAMS, NUM_PARAMS))
    for members in range(batch_size + 1):
        a, b = left[left_members == members], right[right_members == batch_size - members]
        cross = np.outer(a.sum(axis=0), b.sum(axis=0))
        second += len(b) * a.T @ a + len(a) * b.T @ b + cross + cross.T
    return second / math.comb(len(gradients), batch_size) / batch_size**2


def plain_loop(gradients: np.ndarray, batch_size: int) -> np.ndarray:
    """The covariance, one batch at a time."""
    mean, second, count = gradients.mean(axis=0), np.zeros((NUM_PARAMS, NUM_PARAMS)), 0
    for batch in combinations(range(len(gradients)), batch_size):
        away = gradients[list(batch)].mean(axis=0) - mean
        second += np.outer(away, away)
        count += 1
    return second / count


def listed(gradients: np.ndarray, batch_size: int) -> np.ndarray:
    return np.cov(all_batch_means(gradients, batch_size).T, bias=True)


def paired(gradients: np.ndarray, batch_size: int) -> np.ndarray:
    return exact_moments(gradients, batch_size).covariance


ROADS = {
    "a loop over the batches": plain_loop,
    "`all_batch_means`, every batch listed": listed,
    "two halves, all subset sums paired": meet_in_the_middle,
    "`exact_moments`, halves all the way down": paired,
}


def exact_table(num_examples: int, batch_size: int, roads: list[str], rounds: int) -> str:
    gradients = rows(num_examples)
    law = variance_without_replacement(
        np.cov(gradients.T, bias=True), batch_size, num_examples=num_examples
    )
    times = interleave(
        {name: lambda road=ROADS[name]: road(gradients, batch_size) for name in roads},
        rounds=rounds,
        warm_up=1,
    )
    lines = []
    for name in roads:
        error = np.abs(ROADS[name](gradients, batch_size) - law).max() / np.abs(law).max()
        faster = tuple(sorted(1 / each for each in ratios(times, name, roads[0])))
        lines.append(
            [
                name,
                milliseconds(times, name),
                spread((faster[1], faster[0], faster[2]), 1),
                f"{error:.0e}",
            ]
        )
    count = math.comb(num_examples, batch_size)
    headers = ["road", "CPU ms", f"times as fast as {roads[0]}", "relative error"]
    return f"## All C({num_examples}, {batch_size}) = {count:,} batches\n\n{table(headers, lines)}"


def fractions_table() -> str:
    integers = np.random.default_rng(0).integers(-9, 10, size=(12, 2))
    times = interleave(
        {"C(12, 5)": lambda: exact_moments_fractions(integers, 5)}, rounds=9, warm_up=1
    )
    return (
        "## Without any rounding\n\n`exact_moments_fractions`, 12 examples with 2 parameters, all "
        f"792 batches of 5: {milliseconds(times, 'C(12, 5)')} ms of CPU."
    )


def choice_loop(gradients: np.ndarray, num_batches: int, replacement: bool) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack(
        [
            gradients[rng.choice(len(gradients), 32, replace=replacement)].mean(axis=0)
            for _ in range(num_batches)
        ]
    )


def monte_carlo_table(num_batches: int = 100_000, loop_batches: int = 5_000) -> str:
    gradients = rows(1000)
    lines = []
    for replacement in (True, False):
        variants = {
            "`rng.choice` in a loop": (
                loop_batches,
                lambda r=replacement: choice_loop(gradients, loop_batches, r),
            ),
            "`monte_carlo_batch_means`": (
                num_batches,
                lambda r=replacement: monte_carlo_batch_means(
                    gradients, 32, num_batches, replacement=r, rng=np.random.default_rng(0)
                ),
            ),
        }
        seconds = interleave({name: run for name, (_, run) in variants.items()}, rounds=9)
        per_batch: Times = {
            name: [each / variants[name][0] for each in taken] for name, taken in seconds.items()
        }
        for name in variants:
            middle, low, high = ratios(per_batch, "`rng.choice` in a loop", name)
            rate = 1 / float(np.median(per_batch[name]))
            how = "with" if replacement else "without"
            lines.append(
                [f"{name}, {how} replacement", f"{rate:,.0f}", spread((middle, low, high), 1)]
            )
    headers = ["road", "batches per CPU second", "times as fast as the loop"]
    return (
        "## Random batches of 32 out of 1000 examples, 8 parameters\n\n"
        f"{table(headers, lines)}\n\nAll of them independent of one another, also without "
        "replacement."
    )


def main() -> None:
    names = list(ROADS)
    parts = [
        "Errors are against σ²/B · (N − B)/(N − 1), which none of the roads uses.",
        exact_table(20, 10, names, rounds=5),
        exact_table(40, 20, names[2:], rounds=5),
        fractions_table(),
        monte_carlo_table(),
    ]
    write_report("enumeration", "All batches, and random ones", ["numpy"], parts)


if __name__ == "__main__":
    main()
