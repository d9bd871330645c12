import numpy as np
import pytest

from coursekit.errors import CourseError
from coursekit.figures import axes, describe
from coursekit.figures.orders import LOOKS, plot_class_share, plot_powers, plot_race


def test_a_race_draws_the_mean_and_its_interval():
    runs = np.array([[1.0, 10.0, 100.0], [3.0, 30.0, 300.0]])
    ax = plot_race(
        axes(),
        [1, 2, 3],
        {"reshuffled": runs, "sorted": [5.0, 5.0, 5.0]},
        xlabel="epoch",
        ylabel="error",
    )
    ax.set_title("Two runs")
    assert "reshuffled: 2 at 1, 20 at 2, 200 at 3." in describe(ax)
    assert "sorted: 5 at 1, 5 at 2, 5 at 3." in describe(ax)
    (band,) = ax.collections  # a single run has no interval
    heights = band.get_paths()[0].vertices[:, 1]
    half = 1.96 * runs[:, 0].std(ddof=1) / np.sqrt(2)
    assert heights.max() == pytest.approx(200 + 100 * half)
    assert heights.min() > 0  # a logarithmic axis cannot show anything else


def test_powers_are_straight_on_two_logarithmic_scales():
    rates = np.array([0.1, 0.2, 0.4])
    ax = plot_powers(
        axes(), rates, {"reshuffled": (rates**3, rates**4)}, xlabel="rate", ylabel="error"
    )
    ax.set_title("A cube")
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    (line,) = [line for line in ax.get_lines() if line.get_label() == "reshuffled"]
    slope = np.diff(np.log(line.get_ydata())) / np.diff(np.log(line.get_xdata()))
    assert slope == pytest.approx([3, 3])
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0.1", "0.2", "0.4"]


def test_what_was_observed_is_marks_and_what_is_law_a_line():
    ax = plot_class_share(axes(), {"law": [0.1, 0.9], "seen": [0, 1]}, fair=0.5, observed=["seen"])
    law, seen = (line for line in ax.get_lines() if not line.get_label().startswith("_"))
    assert (law.get_marker(), seen.get_linestyle()) == ("", "None")
    assert list(law.get_xdata()) == [1, 2]


def test_every_look_differs_in_more_than_color():
    assert len({(look["linestyle"], look["marker"]) for look in LOOKS.values()}) == len(LOOKS)
    assert len({look["marker"] for look in LOOKS.values()}) == len(LOOKS)


def test_an_order_looks_the_same_in_every_figure():
    race = plot_race(axes(), [1, 2], {"buffer of 16": [1, 2]}, xlabel="", ylabel="").get_lines()[0]
    powers = plot_powers(axes(), [1, 2], {"buffer of 3": ([1, 2], [0, 0])}, xlabel="", ylabel="")
    for look in ("color", "linestyle", "marker"):
        here, there = (getattr(line, f"get_{look}")() for line in (race, powers.get_lines()[0]))
        assert here == there
    with pytest.raises(CourseError, match="'shuffled' names no order"):
        plot_race(axes(), [1], {"shuffled": [1]}, xlabel="", ylabel="")
