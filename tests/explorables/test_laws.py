"""The two figures of Part I against what the course proves elsewhere."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.data import running_example
from coursekit.explorables import sampling, variance


def example_gradients() -> np.ndarray:
    """The textbook gradient, 2 (w x + b - y) x at zero, by NumPy rather than by the figure."""
    data = running_example()
    return -2 * data.targets[:, None] * data.features


def state(**changes: Any) -> dict[str, Any]:
    return {**sampling.DEFAULTS, **changes}


def test_the_figure_shows_the_course_running_example() -> None:
    assert np.array_equal(sampling.GRADIENTS, example_gradients())
    assert np.array_equal(sampling.FULL, example_gradients().mean(0))
    assert sampling.FULL == (-11.125, -6.5625)


@pytest.mark.parametrize("how", ["without", "with"])
@pytest.mark.parametrize("batch_size", range(1, 9))
def test_mean_of_all_batches_is_the_full_gradient_to_the_last_bit(
    how: str, batch_size: int
) -> None:
    solution = sampling.simulate(state(sampling=how, batch_size=batch_size))
    assert solution.mean == sampling.FULL


@pytest.mark.parametrize("rule", ["clip", "favor"])
@pytest.mark.parametrize("how", ["without", "with"])
@pytest.mark.parametrize("batch_size", range(1, 9))
def test_the_other_rules_miss_it_where_they_act(rule: str, how: str, batch_size: int) -> None:
    solution = sampling.simulate(state(rule=rule, sampling=how, batch_size=batch_size))
    acts = len({batch.weight for batch in solution.batches}) > 1 if rule == "favor" else False
    acts = acts and not (how == "without" and batch_size == 8)
    acts = acts or any(batch.shrink < 1 for batch in solution.batches)
    assert (sampling.miss(solution.mean) > 0.05) == acts


@pytest.mark.parametrize("rule", ["mean", "clip", "favor"])
def test_weighted_multisets_are_all_ordered_draws(rule: str) -> None:
    """With replacement: the figure's weights against all 8^3 ordered draws, one by one."""
    gradients, errors = example_gradients(), running_example().targets
    favor = np.where(errors >= sampling.FAVOR_FROM, 3, 1) if rule == "favor" else np.ones(8, int)
    points, weights = [], []
    for draw in product(range(8), repeat=3):
        point = gradients[list(draw)].mean(0)
        if rule == "clip":
            point = point * min(1, sampling.MAX_NORM / np.linalg.norm(point).clip(1e-300))
        points.append(point)
        weights.append(int(favor[list(draw)].prod()))
    solution = sampling.simulate(state(rule=rule, sampling="with", batch_size=3))
    assert solution.total == sum(weights)
    expected = np.average(points, axis=0, weights=weights)
    assert solution.mean == pytest.approx(tuple(expected), abs=1e-12)  # 512 additions
    squares = ((np.array(points) - sampling.FULL) ** 2).sum(1)
    typical = np.sqrt(np.average(squares, weights=weights))
    assert solution.typical_miss == pytest.approx(typical, abs=1e-12)


@pytest.mark.parametrize("batch_size", range(1, 9))
def test_typical_miss_follows_the_finite_population_law(batch_size: int) -> None:
    sigma_squared = example_gradients().var(axis=0).sum()
    law = sigma_squared / batch_size * (8 - batch_size) / 7
    solution = sampling.simulate(state(batch_size=batch_size))
    assert solution.typical_miss**2 == pytest.approx(law, abs=1e-10)


def test_every_drawn_batch_is_about_equally_often_drawn() -> None:
    """28 batches, 200 draws of 200 seeds: chi-squared with 27 degrees of freedom."""
    counts = np.zeros(28)
    for seed in range(200):
        counts += np.bincount(sampling.simulate(state(seed=seed)).drawn, minlength=28)
    expected = counts.sum() / 28
    assert ((counts - expected) ** 2 / expected).sum() < 55.5  # 99.9 % of a fair generator


@given(
    st.sampled_from([8, 64, 1024]),
    st.integers(0, 10),
    st.sampled_from(["without", "with"]),
    st.integers(0, 999),
)
def test_batch_gradients_are_means_of_examples(
    num_examples: int, power: int, how: str, seed: int
) -> None:
    batch_size = min(2**power, num_examples, 64)
    chosen = {"num_examples": num_examples, "batch_size": batch_size, "sampling": how}
    source = variance.population(num_examples)
    solution = variance.simulate({**variance.DEFAULTS, **chosen, "seed": seed})
    assert min(source.gradients) - 1e-9 <= min(solution.drawn)
    assert max(solution.drawn) <= max(source.gradients) + 1e-9
    if how == "without" and batch_size == num_examples:
        assert solution.without_replacement == 0
        assert solution.drawn == pytest.approx([source.mean] * len(solution.drawn), abs=1e-12)


def test_laws_are_the_numbers_of_the_chapter() -> None:
    numbers = {"with": [112.671875, 56.3359375, 28.16796875, 14.083984375], "without": []}
    for batch_size, expected in zip((1, 2, 4, 8), numbers["with"], strict=True):
        chosen = {**variance.DEFAULTS, "num_examples": 8, "batch_size": batch_size}
        solution = variance.simulate(chosen)
        assert solution.with_replacement == expected
        without = expected * (8 - batch_size) / 7
        assert solution.without_replacement == pytest.approx(without, abs=1e-12)


@pytest.mark.parametrize("how", ["without", "with"])
@pytest.mark.parametrize(("num_examples", "batch_size"), [(8, 2), (8, 4), (64, 4), (64, 32)])
def test_observed_variance_is_unbiased_for_its_law(
    how: str, num_examples: int, batch_size: int
) -> None:
    """The mean over 120 seeds lies within 4 standard errors of the law."""
    chosen = {"num_examples": num_examples, "batch_size": batch_size, "sampling": how}
    ends = []
    for seed in range(120):
        solution = variance.simulate({**variance.DEFAULTS, **chosen, "seed": seed})
        ends.append(solution.spread[-1])
    law = solution.with_replacement if how == "with" else solution.without_replacement
    assert abs(np.mean(ends) - law) < 4 * np.std(ends, ddof=1) / np.sqrt(len(ends))
