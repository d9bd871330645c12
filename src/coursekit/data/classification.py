"""The record of a classification data set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Classification:
    """Examples whose target is one of a few classes.

    Attributes
    ----------
    features
        Shape ``(N, d)``, float64: one example a row.
    labels
        Shape ``(N,)``, int64, each in ``0 .. num_classes - 1``.
    num_classes
        How many classes there are.
    """

    features: NDArray[np.float64]
    labels: NDArray[np.int64]
    num_classes: int

    @property
    def num_examples(self) -> int:
        """N, the number of examples."""
        return len(self.labels)
