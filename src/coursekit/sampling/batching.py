"""Batches: an order, cut into pieces."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from ..errors import BatchSizeError, CourseError
from .orders import Indices, Order, reshuffle


def batches(
    num_examples: int,
    batch_size: int,
    *,
    order: Order = reshuffle,
    epochs: int = 1,
    drop_last: bool = False,
    rng: np.random.Generator | None = None,
) -> Iterator[Indices]:
    """Yield the index array of each batch, epoch after epoch.

    An epoch has ⌈N/B⌉ batches; the last one is shorter where B does not divide N, and is left out
    with ``drop_last`` (then ⌊N/B⌋). No batch reaches over the end of an epoch. The batches of one
    shuffled epoch are not independent of each other: they share out the same N examples.

    >>> from coursekit.sampling import batches, in_order
    >>> [batch.tolist() for batch in batches(5, 2, order=in_order)]
    [[0, 1], [2, 3], [4]]

    Parameters
    ----------
    num_examples, batch_size
        N and B, with 1 <= B <= N.
    order
        `reshuffle`, `shuffle_once`, `in_order` or `with_replacement`, or a function like them.
    epochs
        How many epochs.
    drop_last
        Leave out a last batch shorter than B. With `shuffle_once` and `in_order` the examples in
        it are then never seen at all.
    rng
        Source of random numbers; every order but `in_order` needs it.

    Raises
    ------
    BatchSizeError
        When the batch size is below 1 or above the number of examples.
    CourseError
        When ``epochs`` is negative, or ``rng`` is missing where the order needs it. All of this is
        raised by the call itself, not at the first batch.
    """
    steps = num_steps(num_examples, batch_size, drop_last=drop_last)
    if epochs < 0:
        raise CourseError(f"epochs={epochs}; it must be 0 or more.")
    epoch_orders = islice(order(num_examples, rng=rng), epochs)
    return (
        epoch_order[step * batch_size : (step + 1) * batch_size]
        for epoch_order in epoch_orders
        for step in range(steps)
    )


def num_steps(num_examples: int, batch_size: int, *, drop_last: bool = False) -> int:
    """Batches, and so parameter updates, in one epoch: ⌈N/B⌉, or ⌊N/B⌋ with ``drop_last``.

    >>> [num_steps(1000, batch_size) for batch_size in (1, 32, 1000)]
    [1000, 32, 1]

    Raises
    ------
    BatchSizeError
        When the batch size is below 1 or above the number of examples.
    """
    if not 1 <= batch_size <= num_examples:
        raise BatchSizeError(
            f"batch_size={batch_size} with {num_examples} examples; "
            "it must be at least 1 and at most the number of examples."
        )
    return num_examples // batch_size if drop_last else -(-num_examples // batch_size)
