import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import CourseError, ShapeError
from coursekit.sampling import Padding, batches, count_padding, length_buckets


@st.composite
def cases(draw):
    lengths = draw(st.lists(st.integers(1, 50), min_size=1, max_size=60))
    return lengths, draw(st.integers(1, len(lengths))), draw(st.integers(1, 20))


def epoch(lengths, batch_size, window, seed=0, drop_last=False):
    order = length_buckets(lengths, batch_size, window=window)
    rng = np.random.default_rng(seed)
    return list(batches(len(lengths), batch_size, order=order, rng=rng, drop_last=drop_last))


@given(case=cases(), seed=st.integers(0, 2**32))
def test_every_example_comes_exactly_once_an_epoch(case, seed):
    drawn = epoch(*case, seed=seed)
    assert sorted(np.concatenate(drawn)) == list(range(len(case[0])))
    assert all(len(batch) == case[1] for batch in drawn[:-1])


@given(case=cases(), seed=st.integers(0, 2**32))
def test_a_window_over_the_whole_epoch_pads_no_more_than_any_other_grouping(case, seed):
    lengths, batch_size, window = case
    kept = len(lengths) // batch_size * batch_size
    if kept < len(lengths):  # the left-over examples differ between the two; compare without
        lengths = lengths[:kept]
    best = count_padding(lengths, epoch(lengths, batch_size, 60, seed))
    other = count_padding(lengths, epoch(lengths, batch_size, window, seed))
    assert best.tokens == other.tokens == sum(lengths)
    assert best.padding <= other.padding


def test_a_short_last_batch_does_not_tear_the_groups_apart():
    lengths = np.arange(11)
    *full, short = epoch(lengths, 3, window=100)
    groups = sorted(sorted(lengths[batch].tolist()) for batch in full)
    assert len(groups) == 3
    assert len(short) == 2
    assert sum(groups, []) == sorted(set(range(11)) - set(short.tolist()))  # noqa: RUF017


def test_the_padding_of_a_known_set_by_hand():
    lengths = [1, 9, 2, 8, 3, 7]
    assert count_padding(lengths, [[0, 1], [2, 3], [4, 5]]) == Padding(tokens=30, padding=18)
    assert count_padding(lengths, epoch(lengths, 2, window=3)) == Padding(tokens=30, padding=6)
    assert Padding(tokens=30, padding=10).wasted == 0.25


@given(case=cases())
def test_the_count_equals_real_padding(case):
    lengths, batch_size, window = case
    drawn = epoch(lengths, batch_size, window)
    cells = 0
    for batch in drawn:
        rectangle = np.zeros((len(batch), max(lengths[i] for i in batch)))
        cells += rectangle.size
    counted = count_padding(lengths, drawn)
    assert counted.tokens + counted.padding == cells


def test_epochs_differ_and_batches_come_in_random_sequence():
    lengths = np.arange(1, 41)
    order = length_buckets(lengths, 4, window=100)
    first, second = (
        [lengths[b].mean() for b in batches(40, 4, order=order, rng=np.random.default_rng(s))]
        for s in (0, 1)
    )
    assert sorted(first) == sorted(second)
    assert first != second
    assert first != sorted(first)


def test_unusable_arguments_say_what_came():
    with pytest.raises(CourseError, match="window=0"):
        length_buckets([1, 2], 1, window=0)
    with pytest.raises(CourseError, match="2 lengths was asked to order 3"):
        length_buckets([1, 2], 1)(3, rng=np.random.default_rng(0))
    with pytest.raises(CourseError, match="rng=None"):
        length_buckets([1, 2], 1)(2, rng=None)
    with pytest.raises(ShapeError, match=r"\(1, 2\)"):
        count_padding([[1, 2]], [[0]])
