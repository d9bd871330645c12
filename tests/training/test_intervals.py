import numpy as np
import pytest

from coursekit.errors import CourseError
from coursekit.training.intervals import mean_interval, power_interval, ratio_interval


def test_by_hand():
    center, half_width = mean_interval([2.0, 4.0, 6.0])
    assert center == 4
    assert half_width == pytest.approx(1.959964 * 2 / np.sqrt(3), abs=1e-6)
    assert mean_interval([2.0, 4.0, 6.0]).ends == (center - half_width, center + half_width)


@pytest.mark.parametrize("coverage", [0.8, 0.95, 0.99])
def test_intervals_cover_as_often_as_they_say(coverage):
    rng = np.random.default_rng(0)
    top, bottom = rng.normal(6, 1, size=(2000, 200)), rng.normal(2, 0.5, size=(2000, 200))
    found = {"mean": 0, "ratio": 0, "power": 0}
    for a, b in zip(top, bottom, strict=True):
        for name, made, truth in [
            ("mean", mean_interval(a, coverage=coverage), 6),
            ("ratio", ratio_interval(a, b, coverage=coverage), 3),
            ("power", power_interval(a, b, factor=2, coverage=coverage), np.log2(3)),
        ]:
            low, high = made.ends
            found[name] += low <= truth <= high
    allowed = 4 * np.sqrt(coverage * (1 - coverage) / 2000)
    for name, count in found.items():
        assert abs(count / 2000 - coverage) < allowed, name


def test_a_power_is_the_slope_of_a_log_log_line():
    rng = np.random.default_rng(1)
    runs = rng.uniform(1, 2, size=500)
    center, _ = power_interval(0.04**3 * runs, 0.01**3 * runs, factor=4)
    assert center == pytest.approx(3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([1.0]), "at least 2 runs"),
        (lambda: mean_interval([1.0, 2.0], coverage=95), "coverage=95"),
    ],
)
def test_errors(call, message):
    with pytest.raises(CourseError, match=message):
        call()
