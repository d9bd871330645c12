"""Per-example gradients of a linear model, in closed form."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ShapeError


def squared_errors(
    features: ArrayLike, targets: ArrayLike, weights: ArrayLike, bias: float
) -> NDArray[np.float64]:
    """The loss of each example, ``(features @ weights + bias - targets) ** 2``, shape ``(N,)``.

    Raises
    ------
    ShapeError
        When features ``(N, d)``, targets ``(N,)`` and weights ``(d,)`` do not fit each other.
    """
    _, errors = _features_and_errors(features, targets, weights, bias)
    return errors**2


def squared_error_gradients(
    features: ArrayLike, targets: ArrayLike, weights: ArrayLike, bias: float
) -> NDArray[np.float64]:
    """The gradient of each example's squared error, shape ``(N, d + 1)``.

    Row i is ``2 * error_i * (x_i, 1)``: the columns are dw₁ … dw_d and, last, db. The mean of the
    rows is the gradient of the mean squared error; the mean of a few rows is the mini-batch
    gradient of those examples.

    Raises
    ------
    ShapeError
        When features ``(N, d)``, targets ``(N,)`` and weights ``(d,)`` do not fit each other.
    """
    x, errors = _features_and_errors(features, targets, weights, bias)
    with_bias = np.column_stack([x, np.ones(len(x))])
    return 2.0 * errors[:, None] * with_bias


def _features_and_errors(
    features: ArrayLike, targets: ArrayLike, weights: ArrayLike, bias: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, y, w = (np.asarray(part, dtype=np.float64) for part in (features, targets, weights))
    if x.ndim != 2 or y.shape != x.shape[:1] or w.shape != x.shape[1:]:
        raise ShapeError(
            f"features {x.shape}, targets {y.shape} and weights {w.shape} do not fit; "
            "they need the shapes (N, d), (N,) and (d,)."
        )
    return x, x @ w + bias - y
