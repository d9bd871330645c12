"""Values as JSON, from a student's kernel to the grader."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.grading import emission, emitting
from coursekit.grading.comparing import difference
from coursekit.grading.emitting import encode, numbers

torch = pytest.importorskip("torch")

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_every_value_passes_through_json_and_is_accepted_and_equals_itself(value):
    encoded = encode(value)
    arrived = json.loads(json.dumps(encoded, allow_nan=False))
    assert emission.is_value(arrived)
    assert difference(arrived, encoded, tolerance=0) is None


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        (True, True),
        (1, 1),
        (1.0, 1.0),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.array(2.0), 2.0),
        (math.inf, {"type": "float", "text": "inf"}),
        ((1, 2), {"type": "tuple", "values": [1, 2]}),
        ({3, 1}, {"type": "set", "values": [1, 3]}),
        ({"b": 1, "a": 2}, {"type": "dict", "items": [["a", 2], ["b", 1]]}),
        (Fraction(1, 3), {"type": "fraction", "text": "1/3"}),
        (
            np.array([[1, 2]]),
            {"type": "array", "dtype": "int64", "shape": [1, 2], "values": [1, 2]},
        ),
        (
            torch.tensor([0.5], dtype=torch.bfloat16, requires_grad=True),
            {"type": "tensor", "dtype": "float32", "shape": [1], "values": [0.5]},
        ),
        (object(), {"type": "other", "name": "object"}),
        ("\ud800", {"type": "other", "name": "text that is not Unicode"}),
        (10**5000, {"type": "other", "name": "too large"}),
        (np.zeros(emitting.MAX_VALUES), {"type": "other", "name": "too large"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_how_a_value_is_written(value, encoded):
    assert repr(encode(value)) == repr(encoded)


BELOW_TEN = 9.999999999999998


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({9.5, BELOW_TEN}, {9.5, 10.0}),
        ({9.5: "a", BELOW_TEN: "b"}, {9.5: "a", 10: "b"}),
        ({(1, 9.5), (1, BELOW_TEN)}, {(1, 9.5), (1, 10.0)}),
        ({"a", None, True, (), math.nan, 9.5, BELOW_TEN}, {"a", None, True, (), math.nan, 9.5, 10}),
    ],
)
def test_a_rounding_difference_does_not_change_the_order_of_a_set_or_dict(given, wanted):
    assert difference(encode(given), encode(wanted), tolerance=1e-9) is None


def test_numbers_of_any_size_are_sorted():
    made = encode({10**3000, -(10**3000), 1e308, math.inf, 10**5000, True})
    assert made["values"][:3] == [-(10**3000), 1e308, 10**3000]


def test_what_has_no_end_is_refused():
    endless: list = []
    endless.append(endless)
    assert encode(endless) == {"type": "other", "name": "too deep"}


def test_numbers_reads_as_allclose_does():
    for value in ([1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0]), torch.tensor([1.0, 2.0])):
        assert encode(numbers(value))["values"] == [1.0, 2.0]
        assert encode(numbers(value))["type"] == "array"
    assert encode(numbers(3)) == 3


def test_an_object_that_equals_everything_equals_nothing():
    class Always(float):
        def __eq__(self, other):
            return True

        __hash__ = float.__hash__

    assert difference(encode(Always(2.0)), 3.0, tolerance=1e-9)
