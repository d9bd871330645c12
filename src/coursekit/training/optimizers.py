"""How a gradient becomes a step: plain descent, momentum and Adam, for many members at once.

Each is a function of parameters, gradients and learning rate, for `train_ensemble`. Momentum and
Adam remember earlier gradients: make a new one for each training run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Arrays = Sequence[NDArray[np.float64]]


class Optimizer(Protocol):
    """``(params, grads, rates) -> params``; arrays and rates have the member as first axis.

    ``rates`` is one number, shape ``()``, or one for each member, shape ``(members,)``.
    """

    def __call__(self, params: Arrays, grads: Arrays, rates: NDArray[np.float64]) -> Arrays:
        """Return the parameters after one step; nothing is changed in place."""
        ...


def descend(params: Arrays, grads: Arrays, rates: NDArray[np.float64]) -> Arrays:
    """Plain gradient descent: ``p - rate * g``."""
    return [p - _beside(rates, p) * g for p, g in zip(params, grads, strict=True)]


class Momentum:
    """Step along a sum of gradients that forgets: ``m = decay * m + g``, then ``p - rate * m``.

    As ``torch.optim.SGD(momentum=decay)``. Source: Polyak 1964, doi:10.1016/0041-5553(64)90137-5.
    """

    def __init__(self, decay: float = 0.9) -> None:
        """Remember nothing yet; ``decay`` is what is kept of the sum at each step."""
        self.decay = decay
        self._sums: Arrays | None = None

    def __call__(self, params: Arrays, grads: Arrays, rates: NDArray[np.float64]) -> Arrays:
        """Return the parameters after one step."""
        if self._sums is None:
            self._sums = [np.zeros_like(g) for g in grads]
        self._sums = [self.decay * m + g for m, g in zip(self._sums, grads, strict=True)]
        return descend(params, self._sums, rates)


class Adam:
    """Step along the running mean of the gradients over the root of that of their squares.

    As ``torch.optim.Adam``. Source: Kingma and Ba 2015, arXiv:1412.6980, algorithm 1.
    """

    def __init__(self, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> None:
        """Remember nothing yet; ``beta1`` and ``beta2`` are what each mean keeps at a step."""
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self._steps = 0
        self._means: Arrays | None = None
        self._squares: Arrays | None = None

    def __call__(self, params: Arrays, grads: Arrays, rates: NDArray[np.float64]) -> Arrays:
        """Return the parameters after one step."""
        if self._means is None or self._squares is None:
            self._means = self._squares = [np.zeros_like(g) for g in grads]
        self._steps += 1
        b1, b2 = self.beta1, self.beta2
        self._means = [b1 * m + (1 - b1) * g for m, g in zip(self._means, grads, strict=True)]
        self._squares = [
            b2 * s + (1 - b2) * g**2 for s, g in zip(self._squares, grads, strict=True)
        ]
        mean_seen, square_seen = 1 - b1**self._steps, 1 - b2**self._steps
        directions = [
            m / mean_seen / (np.sqrt(s / square_seen) + self.epsilon)
            for m, s in zip(self._means, self._squares, strict=True)
        ]
        return descend(params, directions, rates)


def _beside(rates: NDArray[np.float64], array: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rates with as many axes as the array has, so that each member meets its own."""
    return rates.reshape(rates.shape + (1,) * (array.ndim - rates.ndim))
