"""The ring all-reduce: how K ranks add up their vectors without anyone in the middle.

Each rank talks to its right-hand neighbor alone. In K − 1 steps the sums are completed, each rank
ending with one chunk of the result (reduce-scatter); in K − 1 more the chunks go round
(all-gather). Each rank sends 2(K − 1)/K times its vector, however many ranks there are.
Source: Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError, ShapeError


@dataclass(frozen=True)
class RingStep:
    """One step of the ring; every rank sends one chunk to the rank after it.

    Attributes
    ----------
    reduces
        True in the first K − 1 steps: the receiver adds the chunk to its own. Later it overwrites.
    chunk_of
        ``chunk_of[rank]`` is the chunk that ``rank`` sends in this step.
    """

    reduces: bool
    chunk_of: tuple[int, ...]


def ring_steps(world_size: int) -> Iterator[RingStep]:
    """Yield the 2(K − 1) steps; there are K chunks.

    >>> [step.chunk_of for step in ring_steps(3)]
    [(0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 1, 2)]

    Raises
    ------
    CourseError
        When ``world_size`` is below 1.
    """
    if world_size < 1:
        raise CourseError(f"world_size={world_size}; a ring needs at least one rank.")
    for step in range(2 * (world_size - 1)):
        chunks = tuple((rank - step) % world_size for rank in range(world_size))
        yield RingStep(step < world_size - 1, chunks)


def chunks_of(length: int, world_size: int) -> list[slice]:
    """Cut ``length`` numbers into K consecutive chunks whose sizes differ by at most one.

    >>> chunks_of(5, 2)
    [slice(0, 3, None), slice(3, 5, None)]
    """
    small, larger = divmod(length, world_size)
    ends = np.cumsum([0] + [small + (k < larger) for k in range(world_size)]).tolist()
    return [slice(begin, end) for begin, end in pairwise(ends)]


def ring_all_reduce(vectors: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Add up K vectors by the ring. Return what every rank then holds, and how much it sent.

    Parameters
    ----------
    vectors
        One row a rank, shape ``(K, n)``. It is copied, never changed.

    Returns
    -------
    held, sent
        Shapes ``(K, n)`` and ``(K,)``. All rows of ``held`` are the same bits, because each chunk
        was added up once, in one order; ``sent`` counts numbers (times 8 are bytes).

    Raises
    ------
    ShapeError
        When ``vectors`` is not a table.
    """
    held = np.array(vectors, dtype=np.float64)
    if held.ndim != 2:
        raise ShapeError(f"vectors {held.shape}; it needs one row for each rank, (K, n).")
    world_size, length = held.shape
    chunks = chunks_of(length, world_size)
    sent = np.zeros(world_size, dtype=np.int64)
    for step in ring_steps(world_size):
        under_way = [held[rank, chunks[step.chunk_of[rank]]].copy() for rank in range(world_size)]
        for rank, message in enumerate(under_way):
            receiver, chunk = (rank + 1) % world_size, chunks[step.chunk_of[rank]]
            held[receiver, chunk] = message + (held[receiver, chunk] if step.reduces else 0.0)
            sent[rank] += len(message)
    return held, sent


def ring_seconds(
    num_bytes: ArrayLike, world_size: ArrayLike, *, latency: float, bandwidth: float
) -> NDArray[np.float64]:
    """Seconds of a ring all-reduce: 2(K − 1) messages, and 2(K − 1)/K times the vector to send.

    ``latency`` is in seconds a step, ``bandwidth`` in bytes a second of one link. It assumes that
    all links are alike and that nothing else travels on them.
    """
    ranks = np.asarray(world_size, dtype=np.float64)
    steps = 2 * (ranks - 1)
    return np.asarray(steps * latency + steps / ranks * np.asarray(num_bytes) / bandwidth)
