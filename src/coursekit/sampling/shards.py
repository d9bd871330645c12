"""Which examples each rank reads: an order of examples, dealt out like cards."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError

Uneven = Literal["pad", "drop", "keep"]


def shard(
    order: ArrayLike, rank: int, world_size: int, *, uneven: Uneven = "pad"
) -> NDArray[np.int64]:
    """Return the part of ``order`` that ``rank`` reads: every ``world_size``-th example.

    Where the N examples do not divide by the K ranks,

    - "pad" repeats examples from the start of the order until they do, so that all ranks read
      equally many: what `torch.utils.data.DistributedSampler` does. K⌈N/K⌉ − N examples are read
      twice.
    - "drop" leaves out N mod K examples at the end: the sampler with ``drop_last=True``.
    - "keep" reads each example once; some ranks read one more than others. Right for evaluation.

    >>> [shard(range(10), rank, 4).tolist() for rank in range(4)]
    [[0, 4, 8], [1, 5, 9], [2, 6, 0], [3, 7, 1]]

    Raises
    ------
    CourseError
        When the rank is not one of 0, ..., K − 1.
    """
    if not 0 <= rank < world_size:
        raise CourseError(f"rank={rank} of world_size={world_size}; use 0 to {world_size - 1}.")
    examples = np.asarray(order, dtype=np.int64)
    remainder = len(examples) % world_size
    if uneven == "pad" and remainder:
        examples = np.resize(examples, len(examples) + world_size - remainder)
    elif uneven == "drop":
        examples = examples[: len(examples) - remainder]
    return examples[rank::world_size]
