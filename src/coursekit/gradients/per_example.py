"""What every function over per-example gradients asks of its input."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import BatchSizeError, ShapeError


def as_rows(per_example: ArrayLike) -> NDArray[Any]:
    """The gradients as an array ``(N, p)``, one example a row.

    Numbers become float64. `fractions.Fraction` stay what they are, in an array of objects, so
    that everything computed from them is exact.

    Raises
    ------
    ShapeError
        When it is not a table with at least one row and one column.
    """
    rows = np.asarray(per_example)
    if rows.dtype != object:
        rows = rows.astype(np.float64)
    if rows.ndim != 2 or 0 in rows.shape:
        raise ShapeError(
            f"per_example has shape {rows.shape}; it needs (num_examples, num_params). "
            "For one number per example, use values[:, None]."
        )
    return rows


def check_batch_size(batch_size: int, num_examples: int, *, replacement: bool) -> None:
    """Raise BatchSizeError unless such a batch can be drawn."""
    if batch_size < 1:
        raise BatchSizeError(f"batch_size={batch_size}; a batch holds at least 1 example.")
    if batch_size > num_examples and not replacement:
        raise BatchSizeError(
            f"batch_size={batch_size} but only {num_examples} examples; "
            f"use batch_size <= {num_examples}, or sample with replacement."
        )
