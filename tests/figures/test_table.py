import numpy as np
import pytest

from coursekit.errors import CourseError
from coursekit.figures import table


def test_text_keeps_the_digits_it_was_given():
    shown = table([[1, "112.670"], [2, "56.34"]], ["B", "variance"], caption="Variance")
    assert repr(shown).splitlines()[0] == "Variance"
    assert "112.670" in repr(shown)


def test_html_has_a_caption_column_headers_and_escapes_markup():
    shown = table([["a<b"]], ["x & y"], caption="C & D")._repr_html_()
    assert "<caption>C &amp; D</caption>" in shown
    assert '<th scope="col"' in shown
    assert "x &amp; y" in shown
    assert "a&lt;b" in shown


@pytest.mark.parametrize("cell", [0.1, np.float64(0.1), np.array([0.5])])
def test_bare_floats_are_refused(cell):
    with pytest.raises(CourseError, match="bare float"):
        table([[cell]], ["x"], caption="c")


def test_rows_fit_their_headers():
    with pytest.raises(CourseError, match="2 cells, the table 1"):
        table([[1, 2]], ["x"], caption="c")


def test_columns_of_numbers_are_aligned_on_the_right_and_words_on_the_left():
    shown = table([["one", 1], ["eleven", 11]], ["word", "number"], caption="c")
    assert repr(shown).splitlines()[-2:] == ["one            1", "eleven        11"]
    assert '<td style="text-align: right;">' in shown._repr_html_()


def test_a_table_without_rows_shows_its_headers():
    assert "word" in repr(table([], ["word"], caption="c"))


def test_every_column_has_a_name():
    with pytest.raises(CourseError, match="name every column"):
        table([[1, 2]], ["x", " "], caption="c")


def test_columns_may_be_named_by_numbers():
    assert "7" in repr(table([["a", 1]], ["example", 7], caption="c"))
