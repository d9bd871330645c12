"""Every batch there is, one by one: the naive road, and the one that needs no trust."""

import math
from collections.abc import Iterator
from itertools import chain, combinations, product
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import BatchSizeError
from .per_example import as_rows, check_batch_size

MAX_BATCHES = 3_000_000
"""Above this many batches `all_batch_means` refuses: it would take minutes and gigabytes."""

_CHUNK = 1 << 14


def num_batches(num_examples: int, batch_size: int, *, replacement: bool = False) -> int:
    """How many batches there are: C(N, B) without replacement, N**B ordered draws with it."""
    check_batch_size(batch_size, num_examples, replacement=replacement)
    return num_examples**batch_size if replacement else math.comb(num_examples, batch_size)


def all_batch_means(
    per_example: ArrayLike, batch_size: int, *, replacement: bool = False
) -> NDArray[Any]:
    """The mean gradient of every possible batch, shape ``(num_batches, p)``.

    Without replacement these are the C(N, B) sets of B examples; with it, the N**B ordered draws.
    Each is equally likely, so plain averages over the rows are expectations. Batches come in
    lexicographic order. Rows of `fractions.Fraction` give exact results.

    Raises
    ------
    BatchSizeError
        When the batch does not fit the data, or there are more than `MAX_BATCHES` batches.
    ShapeError
        When ``per_example`` is not ``(N, p)``.
    """
    rows = as_rows(per_example)
    num_examples = len(rows)
    count = num_batches(num_examples, batch_size, replacement=replacement)
    if count > MAX_BATCHES:
        raise BatchSizeError(
            f"{_count_name(num_examples, batch_size, replacement)} = {count:,} batches; listing "
            f"stops at {MAX_BATCHES:,}. Use exact_moments for their exact mean and covariance, "
            "or monte_carlo_batch_means for a random sample of them."
        )
    examples = range(num_examples)
    batches: Iterator[tuple[int, ...]] = (
        product(examples, repeat=batch_size) if replacement else combinations(examples, batch_size)
    )
    indices = chain.from_iterable(batches)
    means = np.empty((count, rows.shape[1]), dtype=rows.dtype)
    for start in range(0, count, _CHUNK):
        size = min(_CHUNK, count - start)
        chunk = np.fromiter(indices, dtype=np.intp, count=size * batch_size)
        means[start : start + size] = rows[chunk.reshape(size, batch_size)].sum(axis=1) / batch_size
    return means


def _count_name(num_examples: int, batch_size: int, replacement: bool) -> str:
    return f"{num_examples}**{batch_size}" if replacement else f"C({num_examples}, {batch_size})"
