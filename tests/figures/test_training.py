"""Figures of training runs: what they draw is what they were given."""

import numpy as np

from coursekit.figures import axes, describe, show
from coursekit.figures.training import plot_epoch, plot_outcomes


def test_an_epoch_is_drawn_at_the_examples_read():
    ax = plot_epoch(axes(), [0, 3, 6, 8], [9.0, 2.0, 4.0], [10.0, 5.0, 3.0, 1.0], one_step=(10, 4))
    ax.set_title("The batch loss jumps")
    text = describe(ax)
    assert "loss of all examples: 10 at 0, 5 at 3, 3 at 6, 1 at 8." in text
    assert "loss of the batch, before its step: 9 at 1.50, 2 at 4.50, 4 at 7." in text
    assert "one full-batch step: 10 at 0, 4 at 8." in text
    stairs = [line for line in ax.get_lines() if line.get_drawstyle() == "steps-post"]
    assert len(stairs) == 2
    (segments,) = (np.array(c.get_segments()) for c in ax.collections)
    assert segments[:, :, 0].tolist() == [[0, 3], [3, 6], [6, 8]]
    assert segments[:, :, 1].tolist() == [[9, 9], [2, 2], [4, 4]]


def test_outcomes_count_every_run_and_name_the_marks():
    values = [1.0] * 3 + [2.0] * 5
    ax = plot_outcomes(axes(), values, {"this one": 1.5, "that one": 4.0}, label="runs", bins=2)
    ax.set_title("Two heaps")
    text = describe(ax)
    assert "runs: 3 at 1.25, 5 at 1.75." in text
    assert "this one: 0 at 1.50." in text
    assert "that one: 0 at 4." in text
    markers = {line.get_marker() for line in ax.get_lines()}
    assert len(markers) == 2, "color alone must not tell the marks apart"
    assert 'role="img"' in show(ax).svg
