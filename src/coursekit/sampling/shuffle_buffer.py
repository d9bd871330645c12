"""The shuffle buffer: what a stream that does not fit in memory is shuffled with.

The stream fills a buffer of ``k`` places. Each output is drawn from a random place, and the next
item of the stream takes that place; at the end the buffer is emptied in random order. An item can
come out at most ``k - 1`` places early, and stays ``k - 1`` places late on average once inside: a
buffer mixes over about ``k`` neighbors, whatever lies beyond stays in the order it came in.
"""

from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import BatchSizeError, CourseError
from .orders import Indices, Order

Item = TypeVar("Item")


def shuffled_stream(
    stream: Iterable[Item], buffer_size: int, *, rng: np.random.Generator
) -> Iterator[Item]:
    """Yield every item of ``stream`` once, shuffled through a buffer of ``buffer_size`` items.

    Holds at most ``buffer_size`` items and reads the stream only as it goes. With ``buffer_size=1``
    the order is unchanged; with a buffer as long as the stream, every order is equally likely.

    >>> import numpy as np
    >>> sorted(shuffled_stream("abcdef", 3, rng=np.random.default_rng(0)))
    ['a', 'b', 'c', 'd', 'e', 'f']

    Raises
    ------
    BatchSizeError
        When the buffer has no place at all; raised by the call itself.
    """
    _check(buffer_size)
    return _through_buffer(iter(stream), buffer_size, rng)


def _through_buffer(
    stream: Iterator[Item], buffer_size: int, rng: np.random.Generator
) -> Iterator[Item]:
    buffer = list(islice(stream, buffer_size))
    for item in stream:
        place = rng.integers(len(buffer))
        yield buffer[place]
        buffer[place] = item
    for place in rng.permutation(len(buffer)):
        yield buffer[place]


def buffered(buffer_size: int) -> Order:
    """An order for `coursekit.sampling.batches`: each epoch 0 … N - 1 through a shuffle buffer.

    >>> import numpy as np
    >>> from coursekit.sampling import batches
    >>> drawn = batches(6, 2, order=buffered(3), rng=np.random.default_rng(0))
    >>> sorted(i for batch in drawn for i in batch.tolist())
    [0, 1, 2, 3, 4, 5]

    Raises
    ------
    BatchSizeError
        When the buffer has no place at all.
    """
    _check(buffer_size)

    def shuffle_buffer(num_examples: int, *, rng: np.random.Generator | None) -> Iterator[Indices]:
        if rng is None:
            raise CourseError(
                "a shuffle buffer draws random numbers and rng is None; "
                "pass rng=np.random.default_rng(seed), or use order=in_order."
            )
        return (
            np.fromiter(_through_buffer(iter(range(num_examples)), buffer_size, rng), np.int64)
            for _ in count()
        )

    return shuffle_buffer


def emission_chances(num_examples: int, buffer_size: int) -> NDArray[np.float64]:
    """Chance that output ``t`` is item ``i`` of the stream, shape ``(N, N)``; exact, no sampling.

    Item i enters the buffer just before output ``i - k + 1``. Whatever is in a buffer of ``s``
    items leaves with chance ``1 / s``, so the chance of still being inside falls geometrically.
    ``emission_chances(N, k) @ one_hot_labels`` is the class balance to expect at each output.

    Raises
    ------
    BatchSizeError
        When the buffer has no place at all.
    """
    _check(buffer_size)
    inside = np.zeros(num_examples)
    inside[:buffer_size] = 1.0
    chances = np.empty((num_examples, num_examples))
    for output in range(num_examples):
        held = min(buffer_size, num_examples - output)
        chances[output] = inside / held
        inside = inside - chances[output]
        if output + buffer_size < num_examples:
            inside[output + buffer_size] = 1.0
    return chances


def _check(buffer_size: int) -> None:
    if buffer_size < 1:
        raise BatchSizeError(f"buffer_size={buffer_size}; a shuffle buffer needs at least 1 place.")
