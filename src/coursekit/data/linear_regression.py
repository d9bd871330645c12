"""Regression data of any size, drawn from a linear model with Gaussian noise."""

import numpy as np

from ..errors import ShapeError
from .regression import Regression


def linear_regression(
    num_examples: int, num_features: int, *, noise: float, rng: np.random.Generator
) -> Regression:
    """Draw ``targets = features @ true_weights + true_bias + noise * standard normal``.

    Features, true weights and true bias are themselves standard normal. ``noise`` is the standard
    deviation of what the features cannot explain, in the unit of the targets; the mean squared
    error of the true model is therefore about ``noise ** 2``.

    Raises
    ------
    ShapeError
        When there would be no example or no feature.
    """
    if num_examples < 1 or num_features < 1:
        raise ShapeError(
            f"num_examples={num_examples} and num_features={num_features}; both must be at least 1."
        )
    true_weights = rng.normal(size=num_features)
    true_bias = float(rng.normal())
    features = rng.normal(size=(num_examples, num_features))
    targets = features @ true_weights + true_bias + noise * rng.normal(size=num_examples)
    return Regression(features, targets, true_weights, true_bias)
