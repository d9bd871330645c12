"""What came out of a kernel is read as what an attacker may have written."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from coursekit.grading.emission import collect, is_value
from coursekit.grading.emitting import MIME_TYPE, encode


def sent(*payloads):
    return [
        {"output_type": "display_data", "metadata": {}, "data": {MIME_TYPE: payload}}
        for payload in payloads
    ]


def test_values_by_number():
    outputs = sent({"number": 2, "value": [1, 2.5]}, {"number": 1, "value": None})
    assert collect(outputs, at_most=1000) == {1: None, 2: [1, 2.5]}


def test_what_is_malformed_is_left_or_an_error():
    left = [
        {},
        [],
        "text",
        {"number": True, "value": 1},
        {"number": 0, "value": 1},
        {"number": 10**9, "value": 1},
        {"number": "1", "value": 1},
    ]
    assert collect(sent(*left), at_most=1000) == {}
    wrong = [
        {"no": "type"},
        {"type": "float"},
        {"type": "float", "text": "1", "more": 1},
        {"type": "unknown"},
        {"type": ["float"], "text": "1"},
        math.nan,
        math.inf,
    ]
    for value in wrong:
        found = collect(sent({"number": 1, "value": value}), at_most=1000)
        assert found[1]["type"] == "error"
    assert collect(sent({"number": 1}), at_most=1000)[1]["type"] == "error"


def test_two_values_for_one_number_are_none():
    twice = collect(sent({"number": 1, "value": 1}, {"number": 1, "value": 2}), at_most=1000)
    assert twice[1]["type"] == "error"
    same = collect(sent({"number": 1, "value": 1}, {"number": 1, "value": 1}), at_most=1000)
    assert same == {1: 1}


def test_size_is_bounded_for_a_cell():
    long = "x" * 600
    found = collect(sent({"number": 1, "value": long}, {"number": 2, "value": long}), at_most=1000)
    assert found[1] == long
    assert found[2]["type"] == "error"


def test_depth_is_bounded():
    value: list = []
    for _ in range(500):
        value = [value]
    assert not is_value(value)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_whatever_emitting_sends_arrives(value):
    encoded = json.loads(json.dumps(encode(value)))
    assert collect(sent({"number": 1, "value": encoded}), at_most=10**6) == {1: encoded}
