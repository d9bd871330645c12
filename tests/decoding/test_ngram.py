"""Witten-Bell smoothing by hand, and as a probability."""

import math

import pytest

from coursekit.decoding import NgramModel


def test_by_hand():
    """After "a" come b, b, c. One character: 3 a, 2 b, 1 c of 6."""
    model = NgramModel("ababac", order=2, vocab_size=4)
    one = (2 + 3 * (1 / 4)) / (6 + 3)
    assert model.chance("", "b") == pytest.approx(one)
    assert model.chance("a", "b") == pytest.approx((2 + 2 * one) / (3 + 2))
    assert model.chance("c", "b") == pytest.approx(one), "nothing ever followed c"


def test_chances_add_up_to_one():
    model = NgramModel("the cat sat on the mat", order=4, vocab_size=12)
    alphabet = [*"the cat sat on the mat", "x", "y"]
    assert len(set(alphabet)) == 12
    for context in ("", "t", "the", "at ", "xyz"):
        assert sum(model.chance(context, c) for c in set(alphabet)) == pytest.approx(1)


def test_bits_are_the_mean_surprise():
    model = NgramModel("abababababab", order=2, vocab_size=2)
    expected = -(math.log2(model.chance("a", "b")) + math.log2(model.chance("b", "a"))) / 2
    assert model.bits_per_character("aba") == pytest.approx(expected)
