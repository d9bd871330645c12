import numpy as np
import pytest

from coursekit.errors import CourseError
from coursekit.sampling import batches, paired_reversal


def test_every_second_epoch_is_the_one_before_backwards():
    a, b, c, d = batches(20, 20, order=paired_reversal, epochs=4, rng=np.random.default_rng(0))
    assert sorted(a) == list(range(20))
    assert np.array_equal(b, a[::-1])
    assert np.array_equal(d, c[::-1])
    assert not np.array_equal(a, c)


def test_a_missing_rng_is_noticed_at_the_call():
    with pytest.raises(CourseError, match="reshuffle draws random numbers"):
        batches(5, 2, order=paired_reversal)
