import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError
from coursekit.figures import (
    axes,
    describe,
    plot_bars,
    plot_distribution,
    plot_intervals,
    plot_laws,
    show,
)


def line(y, label="loss", title="Loss falls"):
    ax = axes()
    ax.plot(range(len(y)), y, label=label)
    ax.set_title(title)
    ax.set_xlabel("step")
    return ax


def test_the_text_lists_the_numbers_that_were_drawn():
    assert describe(line([4, 2, 1.5])) == (
        "Figure: Loss falls.\nAcross: step.\nloss: 4 at 0, 2 at 1, 1.50 at 2."
    )


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=8), st.data())
def test_changing_one_number_changes_the_text(values, data):
    index = data.draw(st.integers(0, len(values) - 1))
    changed = [*values[:index], values[index] + 1, *values[index + 1 :]]
    assert describe(line(values)) != describe(line(changed))


def test_a_run_that_diverges_is_shown():
    text = show(line([4, np.inf, -np.inf, np.nan])).data
    assert text.endswith("loss: 4 at 0, infinity at 1, -infinity at 2, not a number at 3.")


def test_long_lines_are_sampled_with_both_ends():
    text = describe(line(np.arange(1000)))
    assert "1000 points, among them 0 at 0" in text
    assert "999 at 999" in text


@pytest.mark.parametrize("ax", [line([1, 2], title=""), line([1, 2], label="_hidden")])
def test_a_figure_that_cannot_be_described_is_refused(ax):
    with pytest.raises(CourseError, match="no text alternative"):
        show(ax)


def test_the_same_figure_is_the_same_text_twice_and_carries_no_date():
    first, second = show(line([1, 2, 3])), show(line([1, 2, 3]))
    assert first == second
    assert "<dc:date>" not in first.svg
    assert "<?xml" not in first.svg


def test_showing_twice_changes_nothing():
    ax = line([1, 2, 3])
    assert show(ax) == show(ax)


def test_colors_can_be_changed_by_the_page():
    svg = show(line([1, 2])).svg
    assert "var(--ck-blue, #0072b2)" in svg
    assert not re.search(r"(?<!, )#0072b2", svg)


def test_the_picture_has_a_name_and_the_title_is_text_outside_it():
    shown = show(line([1, 2], title="1 < 2"))
    bundle = shown._repr_mimebundle_()
    assert 'role="img" aria-label="Figure: 1 &lt; 2.' in shown.svg
    assert "1 &lt; 2</p>" in bundle["text/html"]
    assert bundle["text/plain"].startswith("Figure: 1 < 2.")


def test_bars_are_named_by_their_ticks():
    ax = plot_bars(axes(), ["clip", "drop"], [1.25, 2], label="bias")
    ax.set_title("Clipping is biased")
    assert "bias: clip 1.25, drop 2." in describe(ax)


def test_intervals_are_named_by_their_rows():
    ax = plot_intervals(axes(), ["first", "second"], [1, 2.5], [0.1, 0.2], expected=1)
    ax.set_title("Two layers")
    assert "centers: first 1, second 2.50." in describe(ax)


@pytest.mark.parametrize(("scale", "ticks"), [("log", [1, 2, 5]), ("linear", [0, 1, 2])])
def test_tick_labels_that_are_numbers_name_no_rows(scale, ticks):
    ax = line([0.005, 2, 4])
    ax.set_yscale(scale)
    ax.set_yticks(ticks, [f"{tick} %" for tick in ticks])
    assert "loss: 0.00500 at 0, 2 at 1, 4 at 2." in describe(ax)


def test_histograms_and_their_curve_are_described():
    ax = plot_distribution(axes(), [0, 0, 1, 1, 1, 2], bins=3, label="batches")
    ax.set_title("A heap")
    assert "batches: 0.500 at 0.333, 0.750 at 1, 0.250 at 1.67." in describe(ax)
    assert "normal curve: 121 points" in describe(ax)


def test_laws_show_what_was_found_beside_both_curves():
    ax = plot_laws(axes(), [1, 2], [8, 4], [8, 0], observed=([2], [0]))
    ax.set_title("Two laws")
    text = describe(ax)
    assert "with: 8 at 1, 4 at 2." in text
    assert "found by enumeration: 0 at 2." in text


def test_two_figures_on_a_page_share_no_id():
    first, second = show(line([1, 2, 3])).svg, show(line([1, 2, 4])).svg
    ids = [re.findall(r' id="([^"]*)"', svg) for svg in (first, second)]
    assert ids[0], "a clip path keeps its id"
    assert not set(ids[0]) & set(ids[1])
    for svg, own in zip((first, second), ids, strict=True):
        assert all(f"url(#{id})" in svg or f'href="#{id}"' in svg for id in own)
