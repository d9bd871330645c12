"""Figures about hardware: what they draw is what they were given, in the units of their axes."""

import math

import numpy as np

from coursekit.figures import axes, describe, show
from coursekit.figures.hardware import plot_memory, plot_roof, plot_throughput


def test_throughput_is_drawn_in_thousands_with_its_knee():
    ax = plot_throughput(axes(), [1, 100], [2000, 9000], lambda size: 100 * size, half_batch=30)
    ax.set_title("It bends")
    text = describe(ax)
    assert "measured: 2 at 1, 9 at 100." in text
    assert "knee: 3 at 30." in text
    assert "Up: thousand examples a second." in text
    assert 'role="img"' in show(ax).svg


def test_a_knee_that_is_nowhere_is_not_drawn():
    ax = plot_throughput(axes(), [1, 100], [1, 2], lambda size: size, half_batch=math.inf)
    ax.set_title("It does not bend")
    assert "knee" not in describe(ax)


def test_memory_is_drawn_in_megabytes_up_to_the_size_kept_apart():
    law = lambda size: 1e6 + 1e6 * size  # noqa: E731
    ax = plot_memory(axes(), [1, 3], [2e6, 4e6], law, predicted=(64, 65e6))
    ax.set_title("A line")
    text = describe(ax)
    assert "measured, and fitted to: 2 at 1, 4 at 3." in text
    assert "measured, kept apart: 65 at 64." in text
    fitted = ax.get_lines()[0]
    assert fitted.get_xdata()[-1] == 64
    np.testing.assert_allclose(fitted.get_ydata()[[0, -1]], [2, 65])


def test_the_roof_rises_to_its_ridge_and_is_flat_behind_it():
    points = {"a layer": ([1, 8], [1e10, 5e10])}
    ax = plot_roof(axes(), points, peak_flops=1e11, bandwidth=2e10)
    ax.set_title("Under the roof")
    text = describe(ax)
    assert "a layer: 10 at 1, 50 at 8." in text
    assert "roof: 10 at 0.500, 100 at 5, 100 at 16." in text
