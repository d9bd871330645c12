import numpy as np
import pytest

from coursekit.figures import axes, describe, show
from coursekit.figures.learning_rates import plot_by_batch_size, plot_sharpness


def test_values_by_batch_size_with_their_intervals_and_without_what_is_missing():
    sizes, values = np.array([8, 16, 32]), np.array([0.1, 0.2, np.nan])
    ax = plot_by_batch_size(axes(), sizes, {"linear": (values, values / 2)}, ylabel="loss")
    ax.set_title("Twice the batch, twice the loss")
    assert "linear: 0.100 at 8, 0.200 at 16." in describe(ax)
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    assert [label.get_text() for label in ax.get_xticklabels()] == ["8", "16", "32"]
    (bars,) = ax.collections
    assert bars.get_segments()[1][:, 1].tolist() == pytest.approx([0.1, 0.3])


def test_an_interval_down_to_zero_still_fits_a_logarithmic_axis():
    ax = plot_by_batch_size(axes(), [8], {"linear": ([1.0], [5.0])}, ylabel="loss")
    (bars,) = ax.collections
    assert bars.get_segments()[0][:, 1].tolist() == pytest.approx([0.1, 6.0])


def test_a_run_that_diverges_leaves_the_frame_to_finite_values():
    runs = {"slow": [1.0, 2.0, 3.0], "fast": [4.0, np.inf, np.nan]}
    ax = plot_sharpness(axes(), [1, 5, 9], runs, [20.0, 0.5], xlabel="epoch")
    ax.set_title("One run diverges")
    assert ax.get_ylim() == pytest.approx((0, 1.25 * 4.0))
    assert "fast: 4 at 1, infinity at 5, not a number at 9." in show(ax).data


def test_without_a_finite_sharpness_the_frame_is_that_of_the_limit():
    ax = plot_sharpness(axes(), [1, 5], {"fast": [np.nan, np.inf]}, [20.0], xlabel="epoch")
    bottom, top = ax.get_ylim()
    assert bottom == 0
    assert top > 20


def test_each_run_has_its_own_limit_in_its_own_look():
    runs = {"slow": [1.0, 2.0, 3.0], "fast": [1.0, 0.5, 0.4]}
    ax = plot_sharpness(axes(), [1, 5, 9], runs, [20.0, 0.5], xlabel="epoch")
    ax.set_title("Sharper, or flatter")
    text = describe(ax)
    assert "slow, its 2/η: 20 at 1, 20 at 9." in text
    assert "fast, its 2/η: 0.500 at 1, 0.500 at 9." in text
    assert ax.get_ylim() == pytest.approx((0, 1.25 * 3.0))  # a far limit must not flatten the runs
    slow, slow_limit, fast, fast_limit = ax.get_lines()
    assert slow.get_color() == slow_limit.get_color() != fast.get_color() == fast_limit.get_color()
    assert slow_limit.get_linestyle() == slow.get_linestyle()
    assert [label.get_text() for label in ax.get_legend().get_texts()] == ["slow", "fast"]
