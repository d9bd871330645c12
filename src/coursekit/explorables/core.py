"""The shared numbers of every explorable, bit for bit as in core.mjs."""

from __future__ import annotations

import math
from collections.abc import Iterator

_MASK = 0xFFFFFFFF


def mulberry32(seed: int) -> Iterator[float]:
    """Endless uniform numbers in [0, 1) from 32-bit integer steps: the same in every language.

    Source: Tommy Ettinger's public domain generator "mulberry32", 2017.
    """
    counter = seed & _MASK
    while True:
        counter = (counter + 0x6D2B79F5) & _MASK
        mixed = ((counter ^ (counter >> 15)) * (counter | 1)) & _MASK
        mixed ^= (mixed + ((mixed ^ (mixed >> 7)) * (mixed | 61))) & _MASK
        yield (mixed ^ (mixed >> 14)) / 4294967296


def fixed(value: float, places: int = 2) -> str:
    """Fixed decimals as the figures print them: ties away from zero, a true minus sign.

    >>> fixed(-11.125)
    '−11.13'
    """
    scaled = math.floor(abs(value) * 10**places + 0.5)
    return ("−" if value < 0 and scaled else "") + f"{scaled / 10**places:.{places}f}"
