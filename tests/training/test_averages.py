"""Averages over batches: every example counts once."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.training import mean_over_batches


def test_the_ten_thousand_in_batches_of_64_worked_by_hand():
    # 156 batches of 64 and a last one of 16. All mistakes fall into the last batch.
    sizes, wrong = [64] * 156 + [16], [0.0] * 156 + [1.0]
    assert mean_over_batches(wrong, sizes) == pytest.approx(16 / 10_000, rel=1e-15)
    assert np.mean(wrong) == pytest.approx(1 / 157, rel=1e-15)
    assert Fraction(1, 157 * 16) / Fraction(1, 157 * 64) == 4


@given(
    values=st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=60), batch_size=st.integers(1, 70)
)
def test_however_the_examples_are_cut_the_mean_is_theirs(values, batch_size):
    cuts = [values[k : k + batch_size] for k in range(0, len(values), batch_size)]
    combined = mean_over_batches([np.mean(cut) for cut in cuts], [len(cut) for cut in cuts])
    assert combined == pytest.approx(np.mean(values), abs=1e-9)


def test_an_empty_batch_weighs_nothing():
    assert mean_over_batches([1.0, 7.0], [3, 0]) == 1.0


def test_what_has_no_mean_is_refused():
    with pytest.raises(ShapeError, match="one value and one size"):
        mean_over_batches([1.0, 2.0], [3])
    with pytest.raises(CourseError, match="at least one"):
        mean_over_batches([1.0], [0])
    with pytest.raises(CourseError, match="at least one"):
        mean_over_batches([1.0, 2.0], [3, -1])
    with pytest.raises(CourseError, match="at least one"):
        mean_over_batches([], [])
