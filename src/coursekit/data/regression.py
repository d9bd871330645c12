"""The record of a regression data set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Regression:
    """Examples whose target is a number, together with the truth they were made from.

    Attributes
    ----------
    features
        Shape ``(N, d)``, float64: one example a row.
    targets
        Shape ``(N,)``, float64.
    true_weights, true_bias
        ``targets = features @ true_weights + true_bias``, plus noise where there is any.
        ``true_weights`` has shape ``(d,)``.
    """

    features: NDArray[np.float64]
    targets: NDArray[np.float64]
    true_weights: NDArray[np.float64]
    true_bias: float

    @property
    def num_examples(self) -> int:
        """N, the number of examples."""
        return len(self.targets)
