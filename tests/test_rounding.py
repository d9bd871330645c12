import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.rounding import fixed, significant


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (2 / 3, 4, "0.6667"),
        (-0.00001, 4, "0.0000"),
        (-0.5, 0, "0"),
        (112.671875, 2, "112.67"),
        ([1, -2.5], 1, "[1.0, -2.5]"),
        (np.array([[1.0, 2.0], [3.0, 4.0]]), 0, "[[1, 2], [3, 4]]"),
        (np.float64(3), 1, "3.0"),
        (math.nan, 2, "not a number"),
        ([math.inf, -math.inf], 2, "[infinity, -infinity]"),
    ],
)
def test_fixed(value, places, text):
    assert fixed(value, places) == text


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, 3, "0"),
        (1234.567, 3, "1230"),
        (0.00123456, 2, "0.0012"),
        (9.996, 3, "10.0"),
        (-112.671875, 4, "-112.7"),
        (3e-12, 2, "3.0e-12"),
        (2.5e12, 2, "2.5e+12"),
    ],
)
def test_significant(value, digits, text):
    assert significant(value, digits) == text


@given(st.floats(-1e6, 1e6), st.integers(0, 6))
def test_fixed_is_within_half_a_unit_of_the_last_place(value, places):
    assert abs(float(fixed(value, places)) - value) <= 0.5 * 10**-places * (1 + 1e-9) + 1e-9


@given(st.floats(1e-8, 1e8), st.integers(1, 6))
def test_significant_has_a_bounded_relative_error(value, digits):
    assert abs(float(significant(value, digits)) - value) <= 0.5001 * 10 ** (1 - digits) * value


@given(st.floats(-1e6, 1e6), st.integers(0, 6))
def test_no_negative_zero(value, places):
    shown = fixed(value, places)
    assert float(shown) != 0 or not shown.startswith("-")
