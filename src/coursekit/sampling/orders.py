"""Orders: in which sequence an epoch goes through the examples.

An order is any function ``(num_examples, *, rng)`` that returns an iterator without end, one index
array of shape ``(num_examples,)`` per epoch. `coursekit.sampling.batches` cuts it into batches.
"""

from collections.abc import Iterator
from itertools import count
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import CourseError

Indices = NDArray[np.int64]


class Order(Protocol):
    """What `batches` accepts as ``order``."""

    def __call__(self, num_examples: int, *, rng: np.random.Generator | None) -> Iterator[Indices]:
        """Yield one epoch after the other, without end."""
        ...


def in_order(num_examples: int, *, rng: np.random.Generator | None = None) -> Iterator[Indices]:
    """0, 1, … N - 1, each epoch the same. Uses no random numbers."""
    return (np.arange(num_examples) for _ in count())


def shuffle_once(num_examples: int, *, rng: np.random.Generator | None) -> Iterator[Indices]:
    """One random permutation, the same in every epoch."""
    permutation = _needs(rng, "shuffle_once").permutation(num_examples)
    return (permutation.copy() for _ in count())


def reshuffle(num_examples: int, *, rng: np.random.Generator | None) -> Iterator[Indices]:
    """A new random permutation each epoch: what most training code does."""
    generator = _needs(rng, "reshuffle")
    return (generator.permutation(num_examples) for _ in count())


def with_replacement(num_examples: int, *, rng: np.random.Generator | None) -> Iterator[Indices]:
    """N independent draws an "epoch": some examples come twice, about 37 % not at all.

    The only order here whose batches are independent of each other.
    """
    generator = _needs(rng, "with_replacement")
    return (generator.integers(0, num_examples, size=num_examples) for _ in count())


def _needs(rng: np.random.Generator | None, order: str) -> np.random.Generator:
    if rng is None:
        raise CourseError(
            f"{order} draws random numbers and rng is None; "
            "pass rng=np.random.default_rng(seed), or use order=in_order."
        )
    return rng
