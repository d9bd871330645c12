"""Batches of examples that are about equally long, so that little is padded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CourseError, ShapeError
from .orders import Indices, Order


def length_buckets(lengths: ArrayLike, batch_size: int, *, window: int = 50) -> Order:
    """Make an order whose batches hold examples of similar length, in random sequence.

    Each epoch shuffles the examples, sorts each run of ``window`` batches by length, cuts it into
    batches and shuffles the batches. Every example still comes once an epoch. The larger the
    window, the less padding, and the less random the batches; ``window=1`` is `reshuffle`, up to
    the order inside a batch, and a window over the whole epoch always groups the same lengths.

    Use it with the same ``batch_size`` in `coursekit.sampling.batches` or `ArrayLoader`:
    ``batches(n, 32, order=length_buckets(lengths, 32), rng=rng)``.

    Parameters
    ----------
    lengths
        Shape ``(N,)``: the length of each example, in tokens.
    batch_size
        B.
    window
        How many batches are sorted together, 1 or more.

    Raises
    ------
    CourseError
        When ``batch_size`` or ``window`` is below 1; from the order, when it is used for another
        number of examples or without ``rng``.
    """
    tokens = np.asarray(lengths)
    if batch_size < 1 or window < 1:
        raise CourseError(f"batch_size={batch_size} and window={window}; both must be at least 1.")

    def order(num_examples: int, *, rng: np.random.Generator | None) -> Iterator[Indices]:
        if rng is None or num_examples != len(tokens):
            raise CourseError(
                f"length_buckets of {len(tokens)} lengths was asked to order {num_examples} "
                f"examples with rng={rng}; both numbers must agree, and rng must be given."
            )
        return (_one_epoch(tokens, batch_size, window, rng) for _ in count())

    return order


def _one_epoch(
    tokens: np.ndarray, batch_size: int, window: int, rng: np.random.Generator
) -> Indices:
    shuffled = rng.permutation(len(tokens))
    full = len(tokens) // batch_size * batch_size
    whole, short_batch = shuffled[:full], shuffled[full:]
    batches: list[Indices] = []
    for start in range(0, full, window * batch_size):
        run = whole[start : start + window * batch_size]
        by_length = run[np.argsort(tokens[run], kind="stable")]
        batches.extend(by_length.reshape(-1, batch_size))
    sequence = rng.permutation(len(batches))
    return np.concatenate([*(batches[i] for i in sequence), short_batch])


@dataclass(frozen=True)
class Padding:
    """What padding to the longest example of each batch costs, counted in tokens.

    Attributes
    ----------
    tokens
        Tokens of the data.
    padding
        Tokens added to make every row of a batch as long as its longest.
    """

    tokens: int
    padding: int

    @property
    def wasted(self) -> float:
        """Share of all tokens in the batches that is padding, in [0, 1)."""
        return self.padding / (self.tokens + self.padding)


def count_padding(lengths: ArrayLike, batches: Iterable[Indices]) -> Padding:
    """Count the tokens in ``batches`` (index arrays) exactly, without making any of them.

    >>> count_padding([3, 1, 2], [[0, 1], [2]])
    Padding(tokens=6, padding=2)
    """
    tokens_of = np.asarray(lengths)
    if tokens_of.ndim != 1:
        raise ShapeError(f"lengths of shape {tokens_of.shape}; it must be (N,), one per example.")
    tokens = padded = 0
    for batch in batches:
        rows = tokens_of[np.asarray(batch)]
        tokens += int(rows.sum())
        padded += int(rows.max()) * len(rows)
    return Padding(tokens, padded - tokens)
