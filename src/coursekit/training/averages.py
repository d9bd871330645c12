"""Averages over batches in which every example counts the same."""

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CourseError, ShapeError


def mean_over_batches(values: ArrayLike, sizes: ArrayLike) -> float:
    """Combine one mean per batch into the mean over all examples: Σ size·value / Σ size.

    ``values`` holds a mean for each batch (a loss, an accuracy), ``sizes`` how many examples that
    batch had; both have shape ``(num_batches,)``. For quantities that are no means, such as a root
    mean squared error or a perplexity, combine the means they are made of first.

    >>> from coursekit.training import mean_over_batches
    >>> mean_over_batches([0.5, 1.0], [3, 1])  # the plain average, 0.75, is wrong
    0.625

    Raises
    ------
    ShapeError
        When there is not one size for each value.
    CourseError
        When there is no example at all, or a size is negative.
    """
    means, counts = np.asarray(values, dtype=np.float64), np.asarray(sizes)
    if means.ndim != 1 or means.shape != counts.shape:
        raise ShapeError(
            f"values {means.shape} and sizes {counts.shape}; give one value and one size per batch."
        )
    if not (counts >= 0).all() or counts.sum() == 0:
        raise CourseError(f"sizes={counts.tolist()}; they count examples, at least one in all.")
    return float(means @ counts / counts.sum())
