"""Values from a student's kernel against those of the solved notebook."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.grading.comparing import difference

NAN, INF = {"type": "float", "text": "nan"}, {"type": "float", "text": "inf"}


def array(*values, shape=None, kind="array"):
    return {
        "type": kind,
        "dtype": "float64",
        "shape": shape or [len(values)],
        "values": list(values),
    }


def error(name, message=""):
    return {"type": "error", "name": name, "message": message}


def differ(one, other, tolerance=1e-9):
    return difference(one, other, tolerance=tolerance)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1),
        (2.0, 2),
        (0.1 + 0.2, 0.3),
        (1e-12, 0.0),
        (NAN, NAN),
        (INF, INF),
        ([1, [2.0, NAN]], [1, [2.0, NAN]]),
        (array(1.0, 1e-12), array(1, 0)),
        ({"type": "dict", "items": [["a", 1]]}, {"type": "dict", "items": [["a", 1.0]]}),
        (error("ValueError", "no"), error("ValueError", "no")),
        ({"type": "set", "values": [1, 2]}, {"type": "set", "values": [1, 2]}),
    ],
)
def test_equal(one, other):
    assert differ(one, other) is None


@pytest.mark.parametrize(
    ("one", "other", "general", "detail"),
    [
        (3.5, 2.5, "the value is wrong", "it is 3.5 where 2.5 is asked for"),
        (1, 2, "the value is wrong", "it is 1 where 2 is asked for"),
        (True, 1, "it is not a number", "it is a truth value, not a number"),
        ("1", 1, "it is not a number", "it is a string, not a number"),
        (None, 1.0, "it is not a number", "it is None, not a number"),
        ([1.0], array(1.0), "it is not an array", "it is a list, not an array"),
        (array(1.0), array(1.0, kind="tensor"), "it is not a tensor", "it is an array, not a"),
        ({"type": "tuple", "values": [1]}, [1], "it is not a list", "it is a tuple, not a list"),
        (array(1.0), array(1.0, 2.0), "its shape is not", "its shape is (1,) where (2,) is asked"),
        (array(1.0, True), array(1.0, 1.0), "the value is wrong", "entry 2 of 2 is True where 1"),
        (array(1.0, NAN), array(1.0, 2.0), "the value is wrong", "entry 2 of 2 is not a number"),
        ([1, 2], [1], "its length is not the one", "its length is 2 where 1 is asked for"),
        ([[1], [3]], [[1], [2]], "the value is wrong", "in entry 2, entry 1 of 1 is 3 where 2"),
        (
            {"type": "fraction", "text": "1/3"},
            {"type": "fraction", "text": "2/3"},
            "the value is wrong",
            "it is 1/3 where 2/3 is asked for",
        ),
        (NAN, 1.0, "the value is wrong", "it is not a number where 1"),
        (INF, NAN, "the value is wrong", "it is infinity where not a number is asked for"),
        (error("ValueError", "7"), 1, "it raised ValueError", "it raised ValueError: 7"),
        (error("Secret_7"), 1, "it raised an exception", "it raised Secret_7"),
        ({"type": "other", "name": "Net"}, 1, "it is not a number", "it is something that cannot"),
        (
            {"type": "other", "name": "Net"},
            {"type": "other", "name": "Net"},
            "the value is wrong",
            "it is something that cannot be compared where something that cannot be compared is",
        ),
    ],
)
def test_different_with_a_reason(one, other, general, detail):
    found = differ(one, other)
    assert found.general.startswith(general)
    assert found.detail.startswith(detail)


def test_the_tolerance_is_relative_to_the_largest_magnitude_asked_for():
    assert differ(1000.5, 1000.0, 1e-3) is None
    assert differ(1001.5, 1000.0, 1e-3) is not None
    assert differ(array(0.5, 1000.0), array(0.0, 1000.0), 1e-3) is None
    assert differ(array(1.5, 1000.0), array(0.0, 1000.0), 1e-3) is not None
    assert differ(2e-9, 1e-9) is not None  # small numbers are not all alike


def test_the_general_reason_never_tells_what_the_student_s_code_emitted():
    secret = "hidden-input"
    for one in (
        secret,
        [secret] * 5,
        error(secret, secret),
        {"type": secret},
        {"type": "array", "shape": [secret], "values": [], "dtype": secret},
        {"type": "dict", "items": [[secret, secret]]},
        {"type": "other", "name": secret},
    ):
        for other in (1, "x", [1], array(1.0), {"type": "dict", "items": []}):
            assert secret not in differ(one, other).general


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "values", "items", "shape", "text", "name", "dtype"]),
            inner | st.sampled_from(["array", "dict", "set", "float", "error", "tuple"]),
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_forged_value_breaks_the_comparison_or_equals_a_reference(one):
    for other in (1.25, "asked", [1.25], array(1.25), {"type": "dict", "items": [["k", 1.25]]}):
        found = differ(one, other)
        assert found is None or (found.general and found.detail)
        if found is None:  # then it is that value, written in one way or another
            assert "1.25" in json.dumps(one) or "asked" in json.dumps(one)


@given(st.floats(allow_nan=False, allow_infinity=False), st.floats(1e-12, 1e-2))
def test_within_the_tolerance_and_beyond_it(value, tolerance):
    scale = abs(value) or 1.0
    if not math.isfinite(value + 3 * scale):
        return
    assert differ(value, value, tolerance) is None
    assert differ(value + 2 * scale * tolerance, value, tolerance) is not None or (
        value + 2 * scale * tolerance == value
    )
