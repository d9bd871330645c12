"""What the loop asks of a model."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Params = NDArray[np.float64]


class Model(Protocol):
    """A loss that depends on parameters, all of them in one flat vector ``(num_params,)``.

    A flat vector keeps the update of the loop one line for every model.
    """

    def losses(
        self, params: Params, features: NDArray[np.float64], targets: NDArray[Any]
    ) -> NDArray[np.float64]:
        """Return the loss of each example, shape ``(B,)``."""
        ...

    def loss_and_gradient(
        self, params: Params, features: NDArray[np.float64], targets: NDArray[Any]
    ) -> tuple[float, Params]:
        """Return the mean loss of the examples given, and its gradient ``(num_params,)``."""
        ...
