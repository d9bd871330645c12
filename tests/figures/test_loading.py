import numpy as np

from coursekit.figures import axes, describe
from coursekit.figures.loading import plot_padding, plot_step_times


def test_padding_reaches_up_to_the_longest_of_each_batch():
    ax = plot_padding(axes(), np.array([3, 1, 2, 5]), [[0, 1], [2, 3]])
    ax.set_title("Padding")
    text = describe(ax)
    assert "with padding: 3 at 0.500, 3 at 1.50, 0 at 2.50, 5 at 3.50, 5 at 4.50, 0 at 5.50" in text
    assert "tokens: 3 at 0.500, 1 at 1.50, 0 at 2.50, 5 at 3.50, 2 at 4.50, 0 at 5.50" in text
    assert "2 batches of 2 examples" in text


def test_step_times_are_told_line_by_line_with_the_floor():
    ax = plot_step_times(
        axes(), [0, 1, 2], {"disk": [40, 30, 15], "memory": [10, 12, 12]}, compute=10
    )
    ax.set_title("Steps")
    text = describe(ax)
    assert "disk: 40 at 0, 30 at 1, 15 at 2." in text
    assert "memory: 10 at 0, 12 at 1, 12 at 2." in text
    assert "computing: 10 at 0, 10 at 1, 10 at 2." in text
