"""What one step of training leaves behind."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StepRecord:
    """One parameter update, complete enough to redo it by hand. Its arrays are read-only.

    Attributes
    ----------
    step, epoch
        Both count from 0; ``step`` goes on counting from one epoch to the next.
    batch
        Indices of the examples in this batch, shape ``(B,)``; shorter in a ragged last batch.
    loss
        Mean loss of the batch *before* the update, the number that training logs usually show.
    gradient
        Gradient of that loss, shape ``(num_params,)``.
    params, params_after
        The parameters before and after the update, shape ``(num_params,)``.
    """

    step: int
    epoch: int
    batch: NDArray[np.int64]
    loss: float
    gradient: NDArray[np.float64]
    params: NDArray[np.float64]
    params_after: NDArray[np.float64]

    @property
    def num_examples(self) -> int:
        """How many examples the batch holds: the weight of this step in an average over steps."""
        return len(self.batch)
