"""The scaling figure: its expectation, its limit, and where linear scaling keeps up."""

from itertools import product

import numpy as np
import pytest

from coursekit.explorables.scaling import (
    BASE,
    CURVATURES,
    DEFAULTS,
    FAR,
    LIMIT,
    NOISE,
    NUM_EXAMPLES,
    RULES,
    SIZES,
    allowed,
    describe,
    expect,
    learning_rate,
    simulate,
)

CHOICES = allowed(DEFAULTS)


def solve(**changes):
    return simulate({**DEFAULTS, **changes})


def test_the_rules_are_those_of_the_chapter():
    assert [learning_rate(rule, 0.05, 128) for rule in RULES] == [0.8, 0.2, 0.05]
    assert {learning_rate(rule, 0.1, BASE) for rule in RULES} == {0.1}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("size", [8, 64, 256])
def test_the_mean_of_many_runs_is_the_expected_loss(rule, size):
    ends = [solve(rule=rule, batch_size=size, seed=seed).scaled.losses[-1] for seed in range(200)]
    expected = expect(size, learning_rate(rule, 0.05, size))
    assert abs(np.mean(ends) - expected.loss) < 4 * np.std(ends, ddof=1) / np.sqrt(200)
    assert expected.left + expected.noise == expected.loss


@pytest.mark.parametrize("rate", [0.1, 0.5, 1.0, 1.9])
def test_the_noise_settles_at_the_known_variance(rate):
    """Stationary variance rate · v / (B h (2 - rate · h)), with v = NOISE · h."""
    steep = rate * NOISE / (BASE * (2 - rate * CURVATURES[0]))
    flat = rate * NOISE / (BASE * (2 - rate * CURVATURES[1]))
    settled = 0.5 * 4 * (CURVATURES[0] * steep + CURVATURES[1] * flat)
    assert expect(BASE, rate).noise == pytest.approx(settled, rel=1e-3)  # 512 steps


def test_a_run_is_a_plain_loop_over_the_same_examples():
    """A batch of 16 has the mean noise of the two base batches it consists of."""
    base, scaled = solve(batch_size=16).base, solve(batch_size=16).scaled
    curvatures = np.repeat(CURVATURES, 4)
    start = np.sqrt(1 / (4 * curvatures))
    assert base.losses[0] == scaled.losses[0] == pytest.approx(0.5 * curvatures @ start**2)
    noise = _noise(DEFAULTS["seed"])
    for run, size in ((base, BASE), (scaled, 16)):
        weights, losses = start, []
        for batch in noise.reshape(NUM_EXAMPLES // size, size // BASE, 8):
            weights = weights - run.rate * (curvatures * weights + batch.mean(axis=0))
            losses.append(0.5 * curvatures @ weights**2)
        assert run.losses[1:] == pytest.approx(losses, rel=1e-9)


def _noise(seed):
    from itertools import islice

    from coursekit.explorables.core import mulberry32

    uniforms = np.array(list(islice(mulberry32(seed), NUM_EXAMPLES)))
    scale = np.sqrt(12 * NOISE * np.repeat(CURVATURES, 4) / BASE)
    return (uniforms.reshape(-1, 8) - 0.5) * scale


def test_noise_of_an_example_has_the_stated_variance():
    blocks = np.concatenate([_noise(seed) for seed in range(20)])
    stated = NOISE * np.repeat(CURVATURES, 4) / BASE
    # The square of a uniform has a standard deviation of 0.9 of its mean.
    assert np.abs((blocks**2).mean(axis=0) / stated - 1).max() < 5 * 0.9 / np.sqrt(len(blocks))


def test_a_run_diverges_exactly_above_the_limit():
    for rule, rate, size in product(RULES, CHOICES["base_rate"], SIZES):
        run = solve(rule=rule, base_rate=rate, batch_size=size).scaled
        assert (run.expected.loss > 1) == (run.rate > LIMIT), (rule, rate, size)
        assert (run.losses[-1] > 1) == (run.rate > LIMIT), (rule, rate, size)
        assert max(run.losses) <= FAR


def test_linear_scaling_keeps_up_then_fades_then_breaks():
    loss = dict(zip(SIZES, solve().curves[0], strict=True))
    ratio = {size: loss[size] / loss[BASE] for size in SIZES}
    assert ratio[64] < 1.1
    assert ratio[128] < 1.25
    assert learning_rate("linear", 0.05, 256) < LIMIT < learning_rate("linear", 0.05, 512)
    assert ratio[256] > 2, "below the limit, and yet it no longer keeps up"
    assert ratio[512] > 1e4
    assert "it keeps up" in describe(DEFAULTS)
    assert "above the limit" in describe({**DEFAULTS, "batch_size": 512})


def test_what_the_answers_say():
    unscaled = solve(rule="none").scaled.expected
    assert unscaled.left > 0.9 * unscaled.loss > 0.9 * 10 * solve().base.expected.loss
    noisy = solve(rule="root", base_rate=0.2)
    assert noisy.base.expected.noise > 0.9 * noisy.base.expected.loss
    assert noisy.scaled.expected.loss < 0.5 * noisy.base.expected.loss


def test_the_first_story_holds_in_nearly_every_draw():
    ratios = []
    for seed in range(200):
        solution = solve(seed=seed)
        ratios.append(solution.scaled.losses[-1] / solution.base.losses[-1])
    assert np.mean(np.abs(np.log(ratios)) < np.log(1.3)) > 0.9
