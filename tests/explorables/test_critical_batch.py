"""The critical batch size: its two costs, and the time that has a minimum between them."""

from itertools import product

import pytest

from coursekit.explorables.critical_batch import DEFAULTS, KNEES, SIZES, describe, simulate
from coursekit.training.critical_batch import CriticalBatch


def solve(**changes):
    return simulate({**DEFAULTS, **changes})


def test_at_the_critical_batch_size_both_costs_double():
    for power, critical in zip(range(2, 11), SIZES, strict=True):
        costs = solve(doublings=power, critical=critical)
        assert (costs.batch_size, costs.steps, costs.examples) == (critical, 2, 2)


def test_it_is_the_curve_of_the_course():
    curve = CriticalBatch(min_steps=50.0, batch_size=64.0)
    for doublings in range(13):
        costs = solve(doublings=doublings)
        assert 50 * costs.steps == curve.steps(costs.batch_size)
        examples = costs.batch_size * curve.steps(costs.batch_size)
        assert costs.examples == pytest.approx(examples / curve.min_examples)


def test_no_batch_size_is_quicker_than_the_quickest():
    for critical, machine in product(SIZES, range(len(KNEES))):
        times = [solve(doublings=d, critical=critical, machine=machine).time for d in range(13)]
        assert min(times) >= 1 - 1e-12
        quickest = solve(critical=critical, machine=machine).quickest
        if quickest == int(quickest):  # a power of two: one of those tried
            assert min(times) == pytest.approx(1.0)
            assert 2 ** times.index(min(times)) == quickest


def test_the_words_tell_the_three_regions():
    assert "nearly halves the steps" in describe({**DEFAULTS, "doublings": 4})
    assert "both costs are felt" in describe(DEFAULTS)
    assert "saves hardly a step" in describe({**DEFAULTS, "doublings": 8})
