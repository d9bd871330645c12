"""The linear model with squared error: the smallest model a training loop can teach with."""

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from .models import Params


class LeastSquares:
    """Predict ``features @ weights + bias``; the loss of an example is its squared error.

    The parameters are the d weights and, last, the bias: shape ``(d + 1,)``. There is no factor
    1/2 in the loss, so the gradient of example i is ``2 * error_i * (x_i, 1)``.
    """

    def predict(self, params: Params, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the predictions, shape ``(B,)``.

        Raises
        ------
        ShapeError
            When features ``(B, d)`` and params ``(d + 1,)`` do not fit each other.
        """
        if features.ndim != 2 or params.shape != (features.shape[1] + 1,):
            raise ShapeError(
                f"features {features.shape} and params {params.shape} do not fit; "
                "they need the shapes (B, d) and (d + 1,): the weights and, last, the bias."
            )
        predictions: NDArray[np.float64] = features @ params[:-1] + params[-1]
        return predictions

    def losses(
        self, params: Params, features: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the squared error of each example, shape ``(B,)``."""
        return self._errors(params, features, targets) ** 2

    def loss_and_gradient(
        self, params: Params, features: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> tuple[float, Params]:
        """Return the mean squared error and its gradient ``(d + 1,)``."""
        errors = self._errors(params, features, targets)
        gradient = 2 / len(errors) * np.append(errors @ features, errors.sum())
        return float(errors @ errors) / len(errors), gradient

    def _errors(
        self, params: Params, features: NDArray[np.float64], targets: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        predictions = self.predict(params, features)
        if targets.shape != predictions.shape:
            # without this check (B, 1) - (B,) would silently become a (B, B) table
            raise ShapeError(
                f"targets {targets.shape} do not fit {len(predictions)} predictions; "
                "they need the shape (B,)."
            )
        return predictions - targets
