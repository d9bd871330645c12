"""Schedules: worked by hand, bounded by law, and refused where they make no sense."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError, CourseError
from coursekit.training.schedules import (
    constant,
    cosine,
    linear_scaling,
    linear_warmup,
    square_root_scaling,
    step_decay,
    warmup_then,
)

rates = st.floats(1e-6, 1e2)
lengths = st.integers(1, 500)


def test_from_32_to_512_warmed_up_worked_by_hand():
    top = linear_scaling(0.01, 32, 512)
    assert top == pytest.approx(0.16, rel=1e-15)
    rate = linear_warmup(top, start=0.01, steps=5)
    # six points of a line from 0.01 to 0.16: they lie 0.03 apart
    expected = [0.01, 0.04, 0.07, 0.10, 0.13, 0.16, 0.16]
    assert [rate(t) for t in range(7)] == pytest.approx(expected, rel=1e-14)


def test_cosine_passes_the_middle_in_the_middle():
    rate = cosine(0.9, steps=10, final=0.1)
    assert [rate(0), rate(5), rate(10), rate(11)] == pytest.approx([0.9, 0.5, 0.1, 0.1])


@given(rate=rates, start=rates, warm=lengths, long=lengths, step=st.integers(0, 2000))
def test_a_warmed_up_schedule_stays_between_its_ends(rate, start, warm, long, step):
    schedule = warmup_then(cosine(rate, steps=long), start=start, steps=warm)
    slack = 1 + 1e-12
    assert 0 <= schedule(step) <= max(rate, start) * slack
    if step >= warm:
        assert schedule(step) == cosine(rate, steps=long)(step - warm)
    else:
        assert min(rate, start) / slack <= schedule(step)


@given(rate=rates, warm=lengths, step=st.integers(0, 998))
def test_warm_up_never_falls_and_arrives_exactly(rate, warm, step):
    schedule = linear_warmup(rate, start=rate / 16, steps=warm)
    assert schedule(step) <= schedule(step + 1)
    assert schedule(warm) == rate


@given(rate=rates, sizes=st.tuples(*[st.integers(1, 4096)] * 3))
def test_scaling_twice_is_scaling_once_and_the_square_root_twice_is_linear(rate, sizes):
    a, b, c = sizes
    for rule in (linear_scaling, square_root_scaling):
        assert rule(rule(rate, a, b), b, c) == pytest.approx(rule(rate, a, c), rel=1e-13)
    twice = square_root_scaling(square_root_scaling(rate, a, b), a, b)
    assert twice == pytest.approx(linear_scaling(rate, a, b), rel=1e-13)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: constant(0.0), "learning_rate=0.0; it must be a positive"),
        (lambda: constant(math.nan), "learning_rate=nan"),
        (lambda: constant(math.inf), "learning_rate=inf"),
        (lambda: step_decay(0.1, every=0), "every=0; it must be a whole number"),
        (lambda: step_decay(0.1, every=2, factor=-1.0), "factor=-1.0"),
        (lambda: cosine(0.1, steps=2.5), "steps=2.5"),
        (lambda: cosine(0.1, steps=2, final=-0.1), "final=-0.1"),
        (lambda: linear_warmup(0.1, start=0.0, steps=2), "start=0.0"),
        (lambda: linear_warmup(0.1, start=0.1, steps=0), "steps=0"),
        (lambda: constant(0.1)(-1), "step=-1; steps are counted from 0"),
        (lambda: linear_scaling(-0.1, 1, 2), "learning_rate=-0.1"),
    ],
)
def test_what_makes_no_schedule_is_refused(make, message):
    with pytest.raises(CourseError, match=message):
        make()


def test_a_batch_of_nothing_cannot_be_scaled_from():
    with pytest.raises(BatchSizeError, match="new_batch_size=512"):
        square_root_scaling(0.1, 0, 512)
