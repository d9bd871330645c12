"""Figures of chapter 09: what they draw is what they were given."""

import numpy as np

from coursekit.figures import axes, describe
from coursekit.figures.noise import (
    plot_by_temperature,
    plot_noise_scale,
    plot_steps_to_target,
    plot_tradeoff,
)


def test_steps_are_drawn_with_the_range_of_their_runs():
    runs = np.array([[90.0, 110.0], [60.0, 80.0], [40.0, 60.0]])
    ax = plot_steps_to_target(axes(), [1, 2, 4], runs, [100, 75, 55])
    ax.set_title("A bend")
    assert "mean of the runs: 100 at 1, 70 at 2, 50 at 4." in describe(ax)
    assert "S_min (1 + B_crit/B): 100 at 1, 75 at 2, 55 at 4." in describe(ax)
    (ranges,) = (np.array(c.get_segments()) for c in ax.collections)
    assert ranges[:, :, 1].tolist() == runs.tolist()


def test_a_tradeoff_marks_its_bend():
    ax = plot_tradeoff(axes(), [90, 50], [90, 400], ([100, 60], [100, 300]), (80, 160))
    ax.set_title("Steps against examples")
    text = describe(ax)
    assert "batch sizes run: 90 at 90, 400 at 50." in text
    assert "critical batch size: 160 at 80." in text


def test_temperatures_are_written_as_fractions_and_markers_differ():
    rows = {
        "B = 64": ([1 / 64, 1 / 256], [0.66, 0.64], [0.01, 0.02]),
        "B = 256": ([1 / 256], [0.65], [0.01]),
    }
    ax = plot_by_temperature(axes(), rows)
    ax.set_title("By temperature")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1/256", "1/64"]
    assert "B = 64: 0.66" in describe(ax)
    assert len({line.get_marker() for line in ax.get_lines()}) == 2
    bars = [np.array(c.get_segments())[:, :, 1] for c in ax.collections]
    assert np.allclose(np.sort(bars[0][:, 1] - bars[0][:, 0]), [0.02, 0.04])


def test_noise_scales_are_drawn_with_the_loss_falling_to_the_right():
    ax = plot_noise_scale(axes(), [1.0, 0.1], {"warm": [20, 90], "cool": [100, 700]})
    ax.set_title("It grows")
    assert "warm: 20 at 1, 90 at 0.100." in describe(ax)
    assert "cool: 100 at 1, 700 at 0.100." in describe(ax)
    left, right = ax.get_xlim()
    assert left > right
    assert ax.yaxis.get_major_formatter()(300) == "300"
