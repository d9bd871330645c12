"""The valley: what is special to it. The contract of all figures is tested beside this."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
import pytest

from coursekit.explorables import explorable, valley
from coursekit.explorables.core import mulberry32

HESSIAN = 2 * valley.FEATURES.T @ valley.FEATURES / valley.NUM_EXAMPLES
LIMIT = 2 / valley.CURVATURES[1]


def solve(**changes: Any) -> dict[str, valley.Walk]:
    return {walk.name: walk for walk in valley.simulate({**valley.DEFAULTS, **changes})}


def test_the_bowl_is_the_mean_squared_error_of_the_data() -> None:
    assert np.array_equal(HESSIAN, np.diag(valley.CURVATURES))
    best, *_ = np.linalg.lstsq(valley.FEATURES, valley.TARGETS, rcond=None)
    assert np.allclose(best, valley.MINIMUM, rtol=0, atol=1e-14)

    def loss(weights: Any) -> Any:
        return np.mean((valley.FEATURES @ weights - valley.TARGETS) ** 2)

    for weights in np.random.default_rng(0).normal(size=(20, 2)):
        assert valley.excess(*weights) == pytest.approx(loss(weights) - loss(best), abs=1e-13)


def test_a_path_is_what_a_plain_loop_walks() -> None:
    random, order = mulberry32(64 * 5 + 4), list(range(16))
    weights, expected = np.array([3.0, 0.7]), []
    for _ in range(3):
        for i in range(15, 0, -1):
            j = int(next(random) * (i + 1))
            order[i], order[j] = order[j], order[i]
        for k in range(0, 16, 4):
            x, y = valley.FEATURES[order[k : k + 4]], valley.TARGETS[order[k : k + 4]]
            weights = weights - 0.2 * (2 / 4) * x.T @ (x @ weights - y)
            expected.append(weights)
    walked = solve(seed=5)["Mini-batch"].path
    assert np.allclose([point[:2] for point in walked[1:13]], expected, rtol=0, atol=1e-13)


def test_all_shuffles_at_once_draw_what_the_generator_draws() -> None:
    seeds, draws = np.array([0, 7, 2**32 - 1], dtype=np.uint64), np.arange(1, 41, dtype=np.uint64)
    expected = [list(islice(mulberry32(int(seed)), 40)) for seed in seeds]
    assert valley._uniforms(seeds, draws).tolist() == expected


def test_the_three_starts_are_equally_hard_for_the_full_batch() -> None:
    losses = []
    for start in valley.STARTS:
        path = valley.walks(16, 0.2, [0], valley._start(valley.DEFAULTS, start), 64)
        losses.append(valley.excess(path[:, 0, 0], path[:, 1, 0]))
    assert np.allclose(losses, losses[0], rtol=0, atol=1e-12)


def test_the_full_batch_ignores_the_shuffle_and_the_others_do_not() -> None:
    here, there = solve(seed=1), solve(seed=2)
    assert here["Full batch"].path == there["Full batch"].path
    assert here["Mini-batch"].path != there["Mini-batch"].path
    assert here["SGD"].path != there["SGD"].path


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"batch_size": 8}, {"Mini-batch"}),
        ({"full_w1": 0}, {"Full batch"}),
        ({"sgd_w2": 0}, {"SGD"}),
        ({"learning_rate": 0.1}, {"Full batch", "Mini-batch", "SGD"}),
        ({"time": 3}, set()),
    ],
)
def test_a_control_moves_only_its_lanes(change: dict[str, Any], moved: set[str]) -> None:
    before, after = solve(), solve(**change)
    assert {name for name in before if before[name].path != after[name].path} == moved


@pytest.mark.parametrize("factor", [0.5, 0.99, 1.01, 1.5])
def test_the_full_batch_diverges_exactly_above_the_limit(factor: float) -> None:
    path = valley.walks(16, factor * LIMIT, [0], (3.0, 0.7), 6000)
    if factor > 1:
        assert max(abs(path[-1, :2, 0])) >= valley.FAR
    else:
        assert valley.excess(*path[-1, :2, 0]) < 1e-20


def test_divergence_is_told_and_undone() -> None:
    calm, wild = valley.DEFAULTS, {**valley.DEFAULTS, "learning_rate": 1.2}
    before = valley.describe(calm)
    assert "diverge" not in before
    assert "diverged for Full batch" in valley.describe(wild)
    assert "even the full batch diverges" in valley.describe(wild)
    assert valley.describe(calm) == before


def test_on_the_floor_of_the_valley_the_full_batch_converges_at_a_rate_above_the_limit() -> None:
    floor = solve(learning_rate=0.9, full_w2=-5)["Full batch"].path[-1]
    assert valley.excess(*floor[:2]) < 1e-10


def test_batch_one_and_batch_n_are_the_two_ends() -> None:
    sizes = solve(look="sizes")
    assert [walk.batch_size for walk in sizes.values()] == [1, 2, 4, 8, 16]
    assert sizes["B = 4"].path == solve()["Mini-batch"].path
    ends = solve(full_w1=30, full_w2=7, sgd_w1=30, sgd_w2=7)
    assert sizes["B = 16"].path == ends["Full batch"].path
    assert sizes["B = 1"].path == ends["SGD"].path


def test_the_story_holds_in_most_shuffles_and_the_figure_counts_them() -> None:
    assert solve()["Full batch"].wins >= 180
    assert solve(race="examples")["Mini-batch"].wins >= 180
    assert solve(race="examples", learning_rate=0.05)["SGD"].wins >= 180
    for race in ("updates", "examples"):
        assert sum(walk.wins for walk in solve(race=race).values()) == valley.NUM_SHUFFLES
    assert sum(walk.wins for walk in solve(learning_rate=1.2).values()) == 0


def test_the_default_shuffle_is_as_typical_as_can_be() -> None:
    seeds = valley.allowed(valley.DEFAULTS)["seed"]
    others = np.array([valley.typical({**valley.DEFAULTS, "seed": seed}) for seed in seeds])
    below = (others < valley.typical(valley.DEFAULTS)).mean(axis=0)
    assert ((below >= 0.46) & (below <= 0.53)).all(), below


@pytest.fixture
def figure(open_page: Callable[..., Any], write_page: Callable[..., str]) -> Any:
    visit = open_page(write_page(explorable("valley")))
    visit.page.locator(".explorable-live").wait_for()
    return visit.page


def weights(page: Any, start: str) -> list[int]:
    return page.locator("figure.explorable").evaluate(
        "(figure, start) => [1, 2].map((i) => figure.explorable.model.get(`${start}_w${i}`))", start
    )


def test_a_start_is_dragged_to_where_the_pointer_is(figure: Any) -> None:
    handle = figure.get_by_role("slider", name="Start, full")
    first = handle.get_attribute("style")
    box, width = (
        handle.bounding_box(),
        figure.locator(".explorable-live svg.picture").bounding_box()["width"],
    )
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    figure.mouse.move(x, y)
    figure.mouse.down()
    figure.mouse.move(x + width / 6.8, y + width / 6.8 / 2)
    figure.mouse.up()
    assert weights(figure, "full") == [0, 2]
    moved = handle.bounding_box()
    assert moved["x"] - box["x"] == pytest.approx(width / 6.8, abs=1)
    assert moved["y"] - box["y"] == pytest.approx(width / 6.8 / 2, abs=1)
    figure.mouse.move(10, 10)
    assert weights(figure, "full") == [0, 2], "it follows a pointer that was let go"
    figure.get_by_role("button", name="Reset").click()
    assert weights(figure, "full") == [-10, 7]
    assert handle.get_attribute("style") == first


def test_a_start_follows_the_arrow_keys_and_says_so(figure: Any) -> None:
    handle = figure.get_by_role("slider", name="Start, sgd")
    handle.focus()
    for name in ("ArrowRight", "ArrowUp", "ArrowUp", "ArrowLeft", "ArrowLeft"):
        figure.keyboard.press(name)
    assert weights(figure, "sgd") == [29, -15]
    assert handle.get_attribute("aria-valuetext") == "w = (2.9,-1.5)"
    for _ in range(60):
        figure.keyboard.press("ArrowUp")
    assert weights(figure, "sgd") == [29, 12], "it stops at the edge"


def test_five_sizes_have_one_start(figure: Any) -> None:
    assert figure.get_by_role("slider", name="Start, ").count() == 3
    figure.get_by_label("five batch sizes").check()
    assert figure.get_by_role("slider", name="Start, ").count() == 1
