"""The shuffle figure against what chapter 04 proves elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coursekit.explorables import shuffle
from coursekit.sampling import emission_chances
from coursekit.training import LeastSquares, train

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64)
FEATURES = np.array(shuffle.POINTS)[:, None]
TARGETS = np.array(shuffle.LABELS, dtype=float)


def state(**changes: Any) -> dict[str, Any]:
    return {**shuffle.DEFAULTS, **changes}


def epochs(**changes: Any) -> np.ndarray:
    return np.array(shuffle.simulate(state(**changes)).used).reshape(4, 64)


@pytest.mark.parametrize("order", ["sorted", "once", "fresh", "buffer"])
def test_every_epoch_uses_each_example_once(order: str) -> None:
    for seed in range(20):
        assert (np.sort(epochs(order=order, seed=seed)) == np.arange(64)).all()


def test_only_some_orders_repeat_themselves() -> None:
    repeats = {}
    for order in shuffle.NAMES:
        first, second = epochs(order=order)[:2]
        repeats[order] = bool((first == second).all())
    assert repeats == {
        "sorted": True,
        "once": True,
        "fresh": False,
        "with": False,
        "buffer": False,
    }


def test_with_replacement_misses_its_share() -> None:
    seen = [len(set(epoch)) for seed in range(100) for epoch in epochs(order="with", seed=seed)]
    missed = 1 - np.array(seen) / 64
    assert abs(missed.mean() - (63 / 64) ** 64) < 4 * missed.std() / np.sqrt(len(missed))


def test_the_buffer_follows_its_law() -> None:
    law = emission_chances(64, shuffle.BUFFER_SIZE)
    drawn = np.concatenate([epochs(order="buffer", seed=seed) for seed in range(500)])
    mean, spread = (
        law @ np.arange(64),
        np.sqrt(law @ np.arange(64) ** 2 - (law @ np.arange(64)) ** 2),
    )
    assert (np.abs(drawn.mean(axis=0) - mean) < 4.5 * spread / np.sqrt(len(drawn))).all()


@pytest.mark.parametrize("order", list(shuffle.NAMES))
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
def test_the_path_is_the_one_the_training_loop_walks(order: str, batch_size: int) -> None:
    solution = shuffle.simulate(state(order=order, batch_size=batch_size))
    used = iter(np.array(solution.used).reshape(4, 64))
    steps = train(
        LeastSquares(), [0.0, 0.0], FEATURES, TARGETS, batch_size=batch_size, learning_rate=0.1,
        epochs=4, order=lambda num_examples, *, rng: used,
    )  # fmt: skip
    walked = [step.params_after for step in steps]
    assert np.allclose(solution.path[1:], walked, rtol=0, atol=1e-10)


def test_the_full_batch_does_not_feel_the_order() -> None:
    ends = [shuffle.simulate(state(order=o, batch_size=64)).path for o in ("sorted", "fresh")]
    assert np.allclose(*ends, rtol=0, atol=1e-12)


def test_the_best_line_is_the_least_squares_solution() -> None:
    design = np.column_stack([FEATURES, np.ones(64)])
    solution, residual, *_ = np.linalg.lstsq(design, TARGETS, rcond=None)
    assert np.allclose(shuffle.BEST, solution, atol=1e-12)
    assert shuffle.losses(shuffle.BEST)[2] == pytest.approx(residual[0] / 64, abs=1e-12)


def test_what_is_best_for_one_class_alone() -> None:
    for side in (-1, 1):
        assert shuffle.losses((0.0, float(side)))[0 if side < 0 else 1] == 0


def test_sorted_swings_wider_than_any_of_300_reshuffled_runs() -> None:
    def swing(**changes: Any) -> float:
        chosen = state(**changes)
        return shuffle.swing(shuffle.simulate(chosen).path, chosen)

    sorted_swing = swing()
    assert sorted_swing > max(swing(order="fresh", seed=seed) for seed in range(300))


def test_too_large_a_rate_diverges_and_comes_back() -> None:
    assert "diverged" in shuffle.describe(state(learning_rate=1.2))
    assert "diverged" not in shuffle.describe(state(learning_rate=1.2, seen=8))
    assert "diverged" not in shuffle.describe(state(learning_rate=0.2))
