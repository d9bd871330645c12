"""Draw some examples more often than others: the usual answer to rare classes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError
from .orders import Indices, Order


def weighted(weights: ArrayLike) -> Order:
    """Make an order that draws example ``i`` with probability ``weights[i] / sum(weights)``.

    N independent draws an epoch, with replacement. The mean gradient over such draws is that of
    the weighted loss; it is the gradient of the plain mean loss only if each example's loss is
    multiplied by ``sum(weights) / (N * weights[i])``.

    Parameters
    ----------
    weights
        Shape ``(N,)``, not negative, at least one positive.

    Raises
    ------
    CourseError
        When the weights are not usable; from the order, when it is used for another number of
        examples or without ``rng``.
    """
    chance = np.asarray(weights, dtype=np.float64)
    if chance.ndim != 1 or not np.all(chance >= 0) or not 0 < chance.sum() < np.inf:
        raise CourseError(
            f"weights of shape {chance.shape}; give one finite weight per example, none negative, "
            "at least one positive."
        )
    up_to = np.cumsum(chance)
    up_to /= up_to[-1]

    def order(num_examples: int, *, rng: np.random.Generator | None) -> Iterator[Indices]:
        if rng is None or num_examples != len(up_to):
            raise CourseError(
                f"weighted with {len(up_to)} weights was asked to order {num_examples} examples "
                f"with rng={rng}; both numbers must agree, and rng must be given."
            )
        return (
            np.searchsorted(up_to, rng.random(num_examples), side="right").astype(np.int64)
            for _ in count()
        )

    return order


def balancing_weights(labels: ArrayLike) -> NDArray[np.float64]:
    """One weight per example, so that `weighted` draws every class equally often.

    Shape ``(N,)``, with mean 1: N / (number of classes present * examples of this class).

    >>> balancing_weights([0, 0, 0, 1])
    array([0.66666667, 0.66666667, 0.66666667, 2.        ])
    """
    classes, class_of, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    return len(class_of) / (len(classes) * sizes[class_of].astype(np.float64))
