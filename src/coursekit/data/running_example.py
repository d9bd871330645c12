"""The eight points that the chapters on gradients compute with, by hand and by machine."""

import numpy as np

from .regression import Regression


def running_example() -> Regression:
    """Eight points on the plane y = 2 x₁ - x₂ + 1, without noise.

    All values are halves, so sums and products of a few of them are exact in float64.
    """
    features = np.array(
        [
            [1.0, 0.5],
            [2.0, 1.0],
            [0.5, 2.0],
            [1.5, 0.5],
            [3.0, 1.5],
            [0.5, 0.5],
            [2.5, 2.0],
            [1.0, 1.5],
        ]
    )
    true_weights, true_bias = np.array([2.0, -1.0]), 1.0
    return Regression(features, features @ true_weights + true_bias, true_weights, true_bias)
