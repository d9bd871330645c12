"""Paired reversal: every second epoch plays the epoch before it backwards."""

from collections.abc import Iterator

import numpy as np

from .orders import Indices, reshuffle


def paired_reversal(num_examples: int, *, rng: np.random.Generator | None) -> Iterator[Indices]:
    """A new permutation, then the same one backwards, then a new one, and so on.

    What an example's early place does to the result, its late place an epoch later nearly undoes.

    Source: Rajput, Lee and Papailiopoulos, Permutation-Based SGD: Is Random Optimal?, 2022,
    arXiv:2102.09718, their FlipFlop; Nguyen, Phan and Kalagnanam, Learning to Shuffle: Block
    Reshuffling and Reversal Schemes for Stochastic Optimization, 2026, arXiv:2604.00260.
    """
    return (
        epoch
        for permutation in reshuffle(num_examples, rng=rng)
        for epoch in (permutation, permutation[::-1].copy())
    )
