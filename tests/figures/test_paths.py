"""Paths and races draw the numbers they were given."""

import numpy as np
import pytest

from coursekit.figures import axes, describe, show
from coursekit.figures.paths import plot_paths, plot_race

HESSIAN = np.diag([1.0, 4.0])


def test_paths_are_drawn_and_described() -> None:
    path = np.array([[-1.0, 1.0], [0.0, 0.5], [1.0, 0.0]])
    ax = plot_paths(axes(), {"full batch": path}, minimum=[1, 0], hessian=HESSIAN)
    ax.set_title("It goes there")
    assert "full batch: 1 at -1, 0.500 at 0, 0 at 1." in describe(ax)
    assert "minimum: 0 at 1." in describe(ax)
    assert "--ck-line" in show(ax).svg


def test_contours_are_those_of_the_bowl() -> None:
    path = np.array([[3.0, 1.0], [1.0, 0.0]])
    ax = plot_paths(axes(), {"a": path, "b": path[:, ::-1]}, minimum=[1, 0], hessian=HESSIAN)
    (contours,) = [one for one in ax.collections if hasattr(one, "levels")]
    for level, curve in zip(contours.levels, contours.get_paths(), strict=True):
        away = curve.vertices - [1, 0]
        found = 0.5 * np.einsum("ki,ij,kj->k", away, HESSIAN, away)
        assert np.abs(found - level).max() < 0.05 * contours.levels.max()
    assert contours.levels.max() == pytest.approx(1.3 * 18)  # from (1, 3): 4 * 3 ** 2 / 2


def test_a_race_shows_the_median_and_the_middle_of_the_runs() -> None:
    runs = np.arange(1.0, 12.0)[:, None] * [1.0, 0.1]
    ax = plot_race(axes(), {"SGD": [0, 5]}, {"SGD": runs}, xlabel="updates")
    ax.set_title("It falls")
    assert "SGD, median: 6 at 0, 0.600 at 5." in describe(ax)
    (band,) = ax.collections
    corners = band.get_paths()[0].vertices
    assert corners[:, 1].max() == pytest.approx(10)
    assert corners[:, 1].min() == pytest.approx(0.2)
    assert ax.get_yscale() == "log"


def test_long_paths_and_races_stay_small() -> None:
    path = np.random.default_rng(0).normal(size=(2001, 2)).cumsum(axis=0)
    ax = plot_paths(axes(), {"long": path, "short": path[:5]}, minimum=[0, 0], hessian=HESSIAN)
    ax.set_title("It wanders")
    assert len(show(ax).svg) < 120_000
    ax = plot_race(axes(), {"a": range(5001)}, {"a": np.ones((3, 5001))}, xlabel="updates")
    (line,) = ax.get_lines()
    assert list(line.get_xdata()[[0, -1]]) == [0, 5000]
    assert len(line.get_xdata()) == 120
