"""A line by relative error: exact data, a second road, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.hardware.lines import fit_line

SIZES = np.array([1, 3, 10, 40, 200, 1000])
POSITIVE = st.floats(1e-6, 1e6)


@given(fixed=POSITIVE, per_example=POSITIVE)
def test_a_line_is_found_again(fixed, per_example):
    found = fit_line(SIZES, fixed + per_example * SIZES)
    costs = fixed + per_example * SIZES
    again = found[0] + found[1] * SIZES
    np.testing.assert_allclose(again, costs, rtol=1e-9)


def test_no_other_line_has_a_smaller_relative_error():
    rng = np.random.default_rng(0)
    costs = (5 + 0.2 * SIZES) * rng.uniform(0.8, 1.2, len(SIZES))

    def relative(fixed, per_example):
        return np.sum(((fixed + per_example * SIZES) / costs - 1) ** 2)

    fixed, per_example = fit_line(SIZES, costs)
    best = relative(fixed, per_example)
    for around in rng.uniform(0.9, 1.1, (200, 2)):
        assert relative(*(around * (fixed, per_example))) >= best


def test_small_batches_count_as_much_as_large_ones():
    costs = 1.0 + 1.0 * SIZES
    costs[-1] *= 1.01  # a plain least-squares fit would follow this point: 10 of 1001
    assert fit_line(SIZES, costs)[0] == pytest.approx(1.0, rel=0.05)
    assert np.polyfit(SIZES, costs, 1)[1] < 0.9


def test_nothing_negative_comes_out():
    falling = fit_line([1, 10, 100], [3.0, 2.0, 1.0])
    assert falling[1] == 0
    assert 1 < falling[0] < 3
    steep = fit_line([1, 2, 4], [1.0, 2.5, 6.0])
    assert steep[0] == 0
    assert 1 < steep[1] < 1.5


@pytest.mark.parametrize(
    ("sizes", "costs", "error", "words"),
    [
        ([1, 2], [1.0, 2.0, 3.0], ShapeError, "do not fit"),
        ([4, 4], [1.0, 2.0], CourseError, "two different batch sizes"),
        ([1, 2], [0.0, 1.0], CourseError, "above zero"),
        ([1, 2], [np.nan, 1.0], CourseError, "above zero"),
        ([0, 2], [1.0, 1.0], CourseError, "above zero"),
    ],
)
def test_what_it_cannot_fit_it_refuses(sizes, costs, error, words):
    with pytest.raises(error, match=words):
        fit_line(sizes, costs)
