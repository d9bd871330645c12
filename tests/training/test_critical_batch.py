import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.training.critical_batch import (
    CriticalBatch,
    critical_batch_interval,
    fit_critical_batch,
    steps_to_target,
)
from coursekit.training.ensemble import ensemble_steps, linear_gradients

SIZES = np.array([1, 2, 4, 8, 16, 32, 64, 128])


@given(min_steps=st.floats(1, 1e4), critical=st.floats(0.5, 500))
def test_the_fit_finds_the_curve_that_made_the_steps(min_steps, critical):
    truth = CriticalBatch(min_steps, critical)
    found = fit_critical_batch(SIZES, truth.steps(SIZES))
    assert found.min_steps == pytest.approx(min_steps, rel=1e-6)
    assert found.batch_size == pytest.approx(critical, rel=1e-6)


def test_at_the_critical_batch_size_both_costs_double():
    curve = CriticalBatch(50.0, 40.0)
    assert curve.steps(40) == 2 * curve.min_steps
    assert 40 * curve.steps(40) == 2 * curve.min_examples


def test_the_fit_minimizes_relative_errors():
    steps = CriticalBatch(50, 30).steps(SIZES) * np.random.default_rng(0).uniform(0.9, 1.1, 8)
    fit = fit_critical_batch(SIZES, steps)

    def error(curve):
        return ((curve.steps(SIZES) / steps - 1) ** 2).sum()

    for a in (0.99, 1.0, 1.01):
        for b in (0.99, 1.0, 1.01):
            assert error(CriticalBatch(a * fit.min_steps, b * fit.batch_size)) >= error(fit) - 1e-12


@pytest.mark.slow
def test_the_interval_covers_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth, covered = CriticalBatch(50, 30), 0
    for _ in range(100):
        runs = truth.steps(SIZES)[:, None] * rng.normal(1, 0.15, size=(8, 20))
        low, high = critical_batch_interval(SIZES, runs, rng=rng, resamples=200)
        covered += low <= 30 <= high
    assert 85 <= covered <= 99  # 95 expected, a little fewer from 20 seeds


def test_steps_are_the_first_at_which_the_loss_is_low_enough():
    features, start = np.ones((4, 1)), [np.array([[1.0], [2.0], [0.1]])]
    trained = ensemble_steps(
        linear_gradients(features, np.zeros(4)), start, num_examples=4, batch_size=4,
        learning_rate=0.25, rng=np.random.default_rng(0),
    )  # fmt: skip
    # Each step halves the weight, and the loss is its square: 1, 1/4, 1/16, ...
    found = steps_to_target(trained, lambda params: params[0][:, 0] ** 2, target=0.2, max_steps=9)
    assert found.tolist() == [2, 3, 1]  # a step counts before it is looked at: 0.1 is there at 1


def test_looking_rarely_is_late_and_never_early():
    found = steps_to_target(
        iter([np.array([float(k)])] for k in range(1, 99)),
        lambda params: -params[0], target=-10, max_steps=50, every=4,
    )  # fmt: skip
    assert found.tolist() == [12]


def test_a_member_that_diverges_never_arrives():
    values = iter([np.array([np.nan, 1.0 / k])] for k in range(1, 99))
    found = steps_to_target(values, lambda params: params[0], target=0.25, max_steps=20)
    assert found.tolist() == [np.inf, 4]


def test_never_looking_is_refused():
    with pytest.raises(CourseError, match="never looked at"):
        steps_to_target(iter([[np.zeros(1)]] * 9), lambda p: p[0], target=0.0, max_steps=3, every=5)


@pytest.mark.parametrize(
    ("sizes", "steps", "error", "words"),
    [
        ([1, 2], [3.0], ShapeError, "for each"),
        ([4, 4], [3.0, 3.0], ShapeError, "at least 2"),
        ([1, 2], [3.0, np.inf], CourseError, "no finite"),
        ([1, 2, 4], [30.0, 30.0, 40.0], CourseError, "do not bend"),
        ([1, 2, 4], [40.0, 19.0, 9.0], CourseError, "do not bend"),
    ],
)
def test_refusals(sizes, steps, error, words):
    with pytest.raises(error, match=words):
        fit_critical_batch(sizes, steps)


def test_one_seed_has_no_interval():
    with pytest.raises(ShapeError, match="2 seeds"):
        critical_batch_interval(SIZES, np.ones((8, 1)), rng=np.random.default_rng(0))
