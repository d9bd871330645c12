"""The accumulation figure against exact fractions and the course's own accumulation."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from coursekit.explorables.accumulation import DEFAULTS, allowed, simulate
from coursekit.training import accumulated_gradient

CHOICES = allowed(DEFAULTS)
SHAPES = list(product(CHOICES["size"], CHOICES["count"], CHOICES["last"]))


def solve(**changes):
    return simulate({**DEFAULTS, **changes})


def exactly(solution, divide):
    """Where the window ends, in fractions."""
    ends = np.cumsum(solution.sizes)
    parts = [
        [[Fraction(x), Fraction(y)] for x, y in solution.examples[end - size : end]]
        for size, end in zip(solution.sizes, ends, strict=True)
    ]
    if divide == "terms":
        examples = [example for part in parts for example in part]
        return [sum(column) / solution.all for column in zip(*examples, strict=True)]
    means = [[sum(c) / len(part) for c in zip(*part, strict=True)] for part in parts]
    return [sum(column) / len(means) for column in zip(*means, strict=True)]


@pytest.mark.parametrize("divide", CHOICES["divide"])
def test_every_window_ends_where_fractions_say(divide):
    for size, count, last in SHAPES:
        solution = solve(size=size, count=count, last=last, divide=divide)
        end = [float(value) for value in exactly(solution, divide)]
        assert np.abs(np.subtract(solution.reached[-1], end)).max() < 1e-14
        large = [float(value) for value in exactly(solution, "terms")]
        assert list(solution.large) == large


def test_the_miss_appears_where_it_should_and_nowhere_else():
    for (size, count, last), divide in product(SHAPES, CHOICES["divide"]):
        solution = solve(size=size, count=count, last=last, divide=divide)
        assert (solution.off > 1e-3) == (last == "ragged" and divide == "means")
        assert (solution.off == 0) == (solution.off <= 1e-3), "exact means exact"


@pytest.mark.parametrize("divide", CHOICES["divide"])
def test_shares_add_up_to_one_and_give_the_gradient(divide):
    for size, count, last in SHAPES:
        solution = solve(size=size, count=count, last=last, divide=divide)
        shares = np.repeat(solution.shares, solution.sizes)
        assert abs(shares.sum() - 1) < 1e-12
        assert np.abs(shares @ np.array(solution.examples) - solution.reached[-1]).max() < 1e-12


def test_the_right_way_is_the_one_the_course_uses():
    class MeanPosition:
        """A model whose gradient is the mean of its features."""

        def loss_and_gradient(self, params, features, targets):
            return 0.0, features.mean(axis=0)

    solution = solve(divide="terms")
    examples = np.array(solution.examples)
    parts = np.split(np.arange(len(examples)), np.cumsum(solution.sizes)[:-1])
    _, gradient = accumulated_gradient(MeanPosition(), np.zeros(2), examples, examples, parts)
    assert np.abs(gradient - solution.large).max() < 1e-14


def test_the_miss_of_the_first_picture_is_seen_in_nearly_every_draw():
    off = [solve(seed=seed).off for seed in CHOICES["seed"]]
    assert np.mean(np.array(off) > 0.5) > 0.9  # half a unit is about the radius of the ring


def test_memory_falls_with_the_micro_batch_and_the_first_story_fits():
    memories = [solve(size=size).memory for size in CHOICES["size"]]
    assert memories == sorted(memories)
    assert solve().memory < 8 < solve().memory_large
    assert solve(size=32).memory > 8
