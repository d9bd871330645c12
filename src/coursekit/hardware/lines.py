"""A line through costs that span several powers of ten."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import CourseError, ShapeError


def fit_line(batch_sizes: ArrayLike, costs: ArrayLike) -> tuple[float, float]:
    """Fit ``cost = fixed + per_example * B`` by least squares on the *relative* error.

    A plain fit would listen to the largest batches alone, whose costs are a thousand times those of
    the smallest. Neither number comes out negative: a cost below zero has no meaning, so where the
    best line would need one, the best line without it is returned.

    Parameters
    ----------
    batch_sizes, costs
        Both of shape ``(num_sizes,)``; at least two different batch sizes, costs above zero.

    Returns
    -------
    fixed, per_example
        In the unit of ``costs``.

    Raises
    ------
    ShapeError
        When the two do not have one dimension and equal lengths.
    CourseError
        With fewer than two different batch sizes, or a cost or size that is not above zero.
    """
    sizes, measured = np.asarray(batch_sizes, dtype=float), np.asarray(costs, dtype=float)
    if sizes.ndim != 1 or sizes.shape != measured.shape:
        raise ShapeError(
            f"batch_sizes {sizes.shape} and costs {measured.shape} do not fit; "
            "they need the same shape (num_sizes,)."
        )
    if len(set(sizes.tolist())) < 2:
        raise CourseError(f"a line needs two different batch sizes at least, got {sizes.tolist()}.")
    if not (np.isfinite(measured).all() and (measured > 0).all() and (sizes > 0).all()):
        raise CourseError(
            "batch sizes and costs must be above zero and finite; "
            f"got {sizes.tolist()} and {measured.tolist()}. Measure again, or longer."
        )
    columns = np.column_stack([1 / measured, sizes / measured])  # each row divided by its cost
    ones = np.ones(len(sizes))
    fixed, per_example = np.linalg.lstsq(columns, ones)[0]
    if fixed < 0:
        fixed, per_example = 0.0, _one_column(columns[:, 1])
    elif per_example < 0:
        fixed, per_example = _one_column(columns[:, 0]), 0.0
    return float(fixed), float(per_example)


def _one_column(column: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    """The x for which ``x * column`` is nearest to one."""
    return float(column.sum() / (column @ column))
