"""Random batches by the hundred thousand, where there are too many to list."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError
from .per_example import as_rows, check_batch_size

_BLOCK_ENTRIES = 1 << 22  # at most 32 MB per array, as long as one batch alone fits in that


def monte_carlo_batch_means(
    per_example: ArrayLike,
    batch_size: int,
    num_batches: int,
    *,
    replacement: bool,
    rng: np.random.Generator,
) -> NDArray[Any]:
    """The mean gradients of independent random batches, shape ``(num_batches, p)``.

    The batches are independent of one another with and without replacement, so the standard error
    of their mean is their standard deviation over √num_batches. The batches of one shuffled epoch
    are not: each of them alone is such a batch, but an example in the first cannot be in the
    second. For those, cut `coursekit.sampling.batches`.

    Without replacement each batch is the first B places of a Fisher-Yates shuffle. A shuffle that
    stops after B places gives every set of B examples the same chance *from whatever order it
    starts*, so many shuffles go on side by side and none is ever set back.

    Source: Knuth, The Art of Computer Programming, vol. 2, 3rd ed. 1997, section 3.4.2,
    algorithm P.

    Raises
    ------
    BatchSizeError
        When the batch does not fit the data.
    CourseError
        When ``num_batches`` is below 1.
    """
    rows = as_rows(per_example)
    check_batch_size(batch_size, len(rows), replacement=replacement)
    if num_batches < 1:
        raise CourseError(f"num_batches={num_batches}; ask for at least 1.")
    num_examples, num_params = rows.shape
    entries = max(num_params, batch_size if replacement else num_examples)
    widths = _block_widths(num_batches, entries)
    draw = _with_replacement if replacement else _without_replacement
    means = np.empty((num_batches, num_params), dtype=rows.dtype)
    done = 0
    for places in draw(num_examples, batch_size, widths, rng):
        total = rows.take(places[0], axis=0)
        for place in places[1:]:
            total += rows.take(place, axis=0)
        means[done : done + len(total)] = total / batch_size
        done += len(total)
    return means


def _with_replacement(
    num_examples: int, batch_size: int, widths: list[int], rng: np.random.Generator
) -> Iterator[NDArray[np.intp]]:
    """Blocks of batches, one a column: shape ``(batch_size, width)``."""
    for width in widths:
        yield rng.integers(0, num_examples, size=(batch_size, width))


def _without_replacement(
    num_examples: int, batch_size: int, widths: list[int], rng: np.random.Generator
) -> Iterator[NDArray[np.int32]]:
    """Blocks of batches, one a column: the first places of as many running shuffles."""
    columns = np.arange(widths[0])
    orders = np.repeat(np.arange(num_examples, dtype=np.int32)[:, None], widths[0], axis=1)
    for width in widths:
        if width < orders.shape[1]:
            orders, columns = np.ascontiguousarray(orders[:, :width]), columns[:width]
        entries = orders.reshape(-1)  # a view
        for place in range(batch_size):
            partner = rng.integers(place, num_examples, size=width) * width + columns
            chosen = entries.take(partner)
            entries[partner] = orders[place]
            orders[place] = chosen
        yield orders[:batch_size]


def _block_widths(num_batches: int, entries_per_batch: int) -> list[int]:
    """How many batches are drawn side by side, block after block, within bounded memory."""
    width = min(num_batches, max(1, _BLOCK_ENTRIES // entries_per_batch))
    full, rest = divmod(num_batches, width)
    return [width] * full + [rest] * (rest > 0)
