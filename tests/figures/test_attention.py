from coursekit.figures import axes, describe
from coursekit.figures.attention import plot_growth, plot_tile_map, plot_traffic


def test_growth_is_told_line_by_line():
    ax = plot_growth(axes(), [1024, 2048], {"scores": [2, 8], "query, key, value": [1, 2]})
    ax.set_title("It grows")
    text = describe(ax)
    assert "Across: tokens in a sequence. Up: GB." in text
    assert "scores: 2 at 1024, 8 at 2048." in text
    assert "query, key, value: 1 at 1024, 2 at 2048." in text


def test_traffic_has_marks_on_lines_and_the_way_without_tiles():
    counted, formulas = {"keys outside": [8e6, 4e6]}, {"keys outside": [8e6, 4e6]}
    ax = plot_traffic(axes(), [16, 32], counted, formulas, standard=1e8)
    ax.set_title("It falls")
    text = describe(ax)
    assert "Up: million numbers moved." in text
    assert "keys outside: 8 at 16, 4 at 32." in text
    assert "with the table: 100 at 16, 100 at 32." in text
    assert [label.get_text() for label in ax.get_yticklabels()] == ["4", "8", "16", "32", "64"]


def test_every_tile_of_a_causal_table_is_of_one_kind():
    """Four queries after two cached keys, tiles of 2: 2 x 3 of them."""
    ax = plot_tile_map(axes(), 4, 6, 2, 2)
    ax.set_title("Tiles")
    text = describe(ax)
    assert "skipped: (4.50, 0.500)." in text
    assert "masked: (2.50, 0.500), (4.50, 2.50)." in text
    assert "whole: (0.500, 0.500), (0.500, 2.50), (2.50, 2.50)." in text


def test_a_kind_of_tile_that_is_not_there_is_not_named():
    ax = plot_tile_map(axes(), 2, 2, 2, 5)
    ax.set_title("Tiles")
    assert "skipped" not in describe(ax)
