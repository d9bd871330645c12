import numpy as np

from coursekit.figures import axes, describe
from coursekit.figures.decoding import plot_busy_slots, plot_cache_use, plot_roofline


def test_busy_slots_are_told_step_by_step():
    ax = plot_busy_slots(axes(), {"static": [2, 1, 1], "continuous": [2, 2]}, num_slots=2)
    ax.set_title("Busy")
    text = describe(ax)
    assert "static: 2 at 0.500, 1 at 1.50, 1 at 2.50." in text
    assert "continuous: 2 at 0.500, 2 at 1.50." in text


def test_cache_use_is_told_with_what_was_set_aside():
    ax = plot_cache_use(axes(), [3, 5], {"in blocks": [4, 8], "in rows": 10})
    ax.set_title("Cache")
    text = describe(ax)
    assert "tokens in the cache: 3 at 0.500, 5 at 1.50." in text
    assert "in blocks: 4 at 0.500, 8 at 1.50." in text
    assert "in rows: 10 at 0.500, 10 at 1.50." in text


def test_the_ridge_is_drawn_over_all_batch_sizes():
    ax = plot_roofline(axes(), np.array([1, 2, 4]), {"short": [1, 2, 4]}, ridge=206)
    ax.set_title("Roofline")
    text = describe(ax)
    assert "short: 1 at 1, 2 at 2, 4 at 4." in text
    assert "ridge: 206 at 1, 206 at 2, 206 at 4." in text
