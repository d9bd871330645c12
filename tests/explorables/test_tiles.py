"""The figure against the room: the same softmax, and the two ways it goes wrong."""

import math

import numpy as np
import pytest

from coursekit.attention import online_average
from coursekit.explorables.tiles import DEFAULTS, HALF_MAX, NUM_KEYS, allowed, simulate

WIDTHS = allowed(DEFAULTS)["tile"]
POSITIONS = np.arange(1.0, NUM_KEYS + 1)[:, None]


def solve(**changes):
    return simulate({**DEFAULTS, **changes})


def test_every_tile_width_gives_the_whole_row_to_the_last_bit():
    for seed in range(100):
        for tile in WIDTHS:
            solution = solve(tile=tile, seed=seed)
            assert solution.off == 0
            assert solution.steps[-1].total == solution.total
            assert solution.steps[-1].highest == solution.highest == max(solution.scores)


@pytest.mark.parametrize("seed", range(0, 1000, 97))
@pytest.mark.parametrize("tile", WIDTHS)
def test_it_is_the_softmax_of_the_room(tile, seed):
    solution = solve(tile=tile, seed=seed)
    scores = np.log(2) * np.array(solution.scores)[None]
    output, log_sum_exp = online_average(scores, POSITIONS, kv_tile=tile)
    assert output[0, 0] == pytest.approx(solution.output, abs=1e-11)
    known = math.log(2) * solution.highest + math.log(solution.total)
    assert log_sum_exp[0] == pytest.approx(known, abs=1e-12)


@pytest.mark.parametrize("tile", WIDTHS)
def test_each_step_is_the_softmax_of_what_was_read(tile):
    solution = solve(tile=tile)
    for count, step in enumerate(solution.steps, start=1):
        weights = 2.0 ** np.array(solution.scores[: tile * count])
        assert step.output == pytest.approx(
            np.average(POSITIONS[: tile * count, 0], weights=weights)
        )
        assert step.highest == max(solution.scores[: tile * count])


def test_left_alone_the_sums_are_wrong_exactly_where_a_later_tile_raises_the_largest_score():
    wrong = 0
    for seed in range(200):
        kept, right = solve(method="keep", seed=seed), solve(seed=seed)
        raised = any(step.rise for step in right.steps)
        assert (kept.off != 0) == raised
        wrong += raised
    assert 100 < wrong < 200  # by luck it is right in some: that is how such a mistake stays


def test_without_subtraction_half_precision_overflows_once_the_sum_is_too_large():
    for seed in range(50):
        solution = solve(method="raw", seed=seed)
        sums = np.cumsum(2.0 ** np.array(solution.scores))[DEFAULTS["tile"] - 1 :: DEFAULTS["tile"]]
        assert [step.total is None for step in solution.steps] == (sums > HALF_MAX).tolist()
    assert float(np.finfo(np.float16).max) == HALF_MAX
