"""A probe asks for the student's values and knows no others."""

from __future__ import annotations

import pytest

from coursekit.errors import CourseError
from coursekit.grading import emitting
from coursekit.grading.probes import HIDDEN_END, HIDDEN_START, probe


def body(check: str, *answers: str) -> str:
    """The probe's code without the line that imports the emitter, with short names in it."""
    lines = probe(check, answers=answers or ("f",)).source.split("\n")[1:]
    return "\n".join(lines).replace("_coursekit_", "")


def emitted(check: str, **namespace):
    """What the probe of ``check`` emits when it runs with these names defined."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emitting, "publish", lambda one: found.update({one["number"]: one["value"]}))
        exec(probe(check, answers=("f",)).source, namespace)
    return found


@pytest.mark.parametrize(
    ("check", "emits"),
    [
        ("assert f(3) == 9", "emit(1, lambda: f(3))"),
        ("assert f(3) == 9, 'three'", "emit(1, lambda: f(3))"),
        ("assert 9 == f(3)", "emit(1, lambda: f(3))"),
        ("assert f(3) is None", "emit(1, lambda: f(3))"),
        ("assert f(3) == f(4)", "emit(1, lambda: (f(3), f(4)))"),
        ("assert np.allclose(f(3), [9], atol=1)", "emit(1, lambda: numbers(f(3)))"),
        ("assert math.isclose(9, f(3))", "emit(1, lambda: numbers(f(3)))"),
        ("assert torch.equal(f(3), wanted)", "emit(1, lambda: numbers(f(3)))"),
        ("assert (f(3) == [9]).all()", "emit(1, lambda: numbers(f(3)))"),
        ("assert np.all(np.isclose(f(3), [9]))", "emit(1, lambda: numbers(f(3)))"),
        ("assert abs(f(3) - 9) < 1e-9", "emit(1, lambda: numbers(f(3)))"),
        ("assert f(3).shape == (2,)", "emit(1, lambda: f(3).shape)"),
    ],
)
def test_an_assert_is_taken_apart(check, emits):
    assert body(check) == emits
    assert [one.in_kernel for one in probe(check, answers=["f"]).emissions] == [False]


@pytest.mark.parametrize(
    ("test", "verdict"),
    [("f(3) < 4", True), ("not f(3)", False), ("isinstance(f(3), int)", True), ("5 < f(3)", False)],
)
def test_what_cannot_be_taken_apart_is_judged_in_the_kernel_and_listed(test, verdict):
    (one,) = probe(f"assert {test}", answers=["f"]).emissions
    assert one.in_kernel
    assert one.text == test
    assert emitted(f"assert {test}", f=lambda x: 2) == {1: verdict}


def test_expected_values_and_what_works_them_out_are_dropped():
    check = f"""
import math
x = [1, 2]
expected = [value * 3 for value in x]
def reference(value):
    return value * 5
sums = []
for value in x:
    sums.append(reference(value))
assert f(x) == expected
{HIDDEN_START}
rng = random.Random(4)
y = [1, 2, 3]
rng.shuffle(y)
z = [0] * 3
z[0] = 7
assert f(y) == reference(y)
assert f(z) == sums
print(expected)
{HIDDEN_END}
"""
    source = body(check)
    assert source.split("\n") == [
        "x = [1, 2]",
        "emit(1, lambda: f(x))",
        "rng = random.Random(4)",
        "y = [1, 2, 3]",
        "rng.shuffle(y)",
        "z = [0] * 3",
        "z[0] = 7",
        "emit(2, lambda: f(y))",
        "emit(3, lambda: f(z))",
    ]
    assert [one.hidden for one in probe(check, answers=["f"]).emissions] == [False, True, True]


def test_names_are_followed_from_the_answers():
    check = "got = f(3)\nwanted = 9\nboth = wanted\nassert both == got\nassert got + 1 == wanted"
    assert body(check).split("\n") == [
        "got = f(3)",
        "emit(1, lambda: got)",
        "emit(2, lambda: got + 1)",
    ]


def test_loops_that_feed_an_answer_stay():
    check = "total = 0\nfor value in (1, 2):\n    total += f(value)\nassert total == 3"
    assert body(check).endswith("emit(1, lambda: total)")
    assert emitted(check, f=lambda x: x) == {1: 3}


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        ("for x in (1, 2):\n    assert f(x) == x", "line 1 of the check holds an assert inside"),
        ("assert 1 == 1", "line 1 of the check depends on no answer"),
        ("np.testing.assert_allclose(f(3), 9)", "write a plain assert"),
        ("assert f(", "is not Python"),
        (f"{HIDDEN_START}\nassert f(1) == 1", "does not end"),
        (f"{HIDDEN_END}", "has not begun"),
    ],
)
def test_a_check_that_cannot_be_probed_is_refused(check, sentence):
    with pytest.raises(CourseError, match=sentence):
        probe(check, answers=["f"])


def test_an_exception_is_an_answer_too_and_costs_no_other():
    def f(x):
        return 1 // x

    assert emitted("assert f(0) == 1\nassert f(1) == 1", f=f) == {
        1: {
            "type": "error",
            "name": "ZeroDivisionError",
            "message": "integer division or modulo by zero",
        },
        2: 1,
    }


def test_no_name_of_the_student_gets_in_the_way():
    taken = dict.fromkeys(["emit", "json", "list", "float", "isinstance", "print", "np"], "mine")
    assert emitted("assert f(1.5) == [1.5]", f=lambda x: [x], **taken) == {1: [1.5]}
