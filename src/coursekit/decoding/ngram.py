"""Predicting the next symbol by counting: the rival that a small network has to beat.

Source: I. H. Witten and T. C. Bell, The Zero-Frequency Problem, IEEE Transactions on Information
Theory 37(4), 1991, doi:10.1109/18.87000 (their method C, applied from short contexts to long).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict


class NgramModel:
    """Chance of a character given the ``order - 1`` before it, smoothed as Witten and Bell did."""

    def __init__(self, text: str, *, order: int, vocab_size: int) -> None:
        """Count every n-gram of ``text`` up to ``order`` characters."""
        self.order, self.vocab_size = order, vocab_size
        self.counts: list[defaultdict[str, Counter[str]]] = []
        for length in range(order):
            following: defaultdict[str, Counter[str]] = defaultdict(Counter)
            for end in range(length, len(text)):
                following[text[end - length : end]][text[end]] += 1
            self.counts.append(following)

    def chance(self, context: str, character: str) -> float:
        """Chance of ``character`` after ``context``, of which the last characters count."""
        chance = 1 / self.vocab_size
        for length, following in enumerate(self.counts[: len(context) + 1]):
            seen = following.get(context[len(context) - length :])
            if not seen:
                break
            kinds = len(seen)
            chance = (seen[character] + kinds * chance) / (seen.total() + kinds)
        return chance

    def bits_per_character(self, text: str) -> float:
        """Mean of -log2 of the chance, over all characters of ``text`` with a full context."""
        before = self.order - 1
        bits = (
            -math.log2(self.chance(text[end - before : end], text[end]))
            for end in range(before, len(text))
        )
        return sum(bits) / (len(text) - before)
