"""Gradient accumulation in NumPy: several small passes, one gradient, one step."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError
from .models import Model, Params

MicroBatch = TypeVar("MicroBatch")


def accumulated_gradient(
    model: Model,
    params: Params,
    features: NDArray[np.float64],
    targets: NDArray[Any],
    micro_batches: Iterable[ArrayLike],
) -> tuple[float, Params]:
    """Return mean loss and gradient over all the micro-batches, as if they were one batch.

    Each micro-batch is an array of example indices; their sizes may differ, and one may be empty.
    The model gives means, so each is multiplied back by its number of examples, and the sums are
    divided once, by the number of all examples of the window. Only one micro-batch is in work at a
    time: that is what saves memory.

    >>> from coursekit.data import running_example
    >>> from coursekit.training import LeastSquares, accumulated_gradient
    >>> data = running_example()
    >>> loss, gradient = accumulated_gradient(
    ...     LeastSquares(), np.zeros(3), data.features, data.targets, [[0, 1, 2, 3, 4], [5, 6, 7]])
    >>> loss, gradient.tolist()
    (10.65625, [-11.125, -6.5625, -5.625])

    Raises
    ------
    CourseError
        When the micro-batches hold no example at all.
    """
    loss_sum, gradient_sum, num_examples = 0.0, np.zeros_like(params), 0
    for micro_batch in micro_batches:
        indices = np.asarray(micro_batch, dtype=np.int64)
        if len(indices) == 0:
            continue
        loss, gradient = model.loss_and_gradient(params, features[indices], targets[indices])
        loss_sum += len(indices) * loss
        gradient_sum += len(indices) * gradient
        num_examples += len(indices)
    if num_examples == 0:
        raise CourseError("the micro-batches hold no example; a step needs at least one.")
    return loss_sum / num_examples, gradient_sum / num_examples


def windows(
    micro_batches: Iterable[MicroBatch], accumulation_steps: int
) -> Iterator[list[MicroBatch]]:
    """Group micro-batches into windows, one window a step; the last one may be shorter.

    Nothing is dropped and nothing is padded: the leftover window is a smaller batch, right as long
    as it is divided by its own number of terms.

    >>> from coursekit.training import windows
    >>> list(windows("abcdefgh", 3))
    [['a', 'b', 'c'], ['d', 'e', 'f'], ['g', 'h']]

    Raises
    ------
    CourseError
        When ``accumulation_steps`` is not a whole number from 1 on; raised by the call itself.
    """
    if isinstance(accumulation_steps, bool) or not isinstance(accumulation_steps, int | np.integer):
        raise CourseError(f"accumulation_steps={accumulation_steps!r}; it counts micro-batches.")
    if accumulation_steps < 1:
        raise CourseError(f"accumulation_steps={accumulation_steps}; a window needs at least 1.")
    return _windows(iter(micro_batches), int(accumulation_steps))


def _windows(stream: Iterator[MicroBatch], accumulation_steps: int) -> Iterator[list[MicroBatch]]:
    while window := list(islice(stream, accumulation_steps)):
        yield window
