"""A network with one hidden layer, its backpropagation written out by hand."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import CourseError, ShapeError
from .models import Params


@dataclass(frozen=True)
class Mlp:
    """Classify by ``tanh(x @ W1 + b1) @ W2 + b2``; the loss of an example is its cross-entropy.

    The parameters are W1, b1, W2 and b2, flattened one after the other; `unpack` gives them their
    shapes back.
    """

    num_features: int
    num_hidden: int
    num_classes: int

    @property
    def num_params(self) -> int:
        """How many numbers the parameters are."""
        return sum(math.prod(shape) for shape in self._shapes)

    @property
    def _shapes(self) -> list[tuple[int, ...]]:
        d, h, c = self.num_features, self.num_hidden, self.num_classes
        return [(d, h), (h,), (h, c), (c,)]

    def initial(self, *, rng: np.random.Generator) -> Params:
        """Draw parameters: weights normal with variance 1 / fan-in, biases zero."""
        hidden = rng.normal(size=(self.num_features, self.num_hidden)) / np.sqrt(self.num_features)
        output = rng.normal(size=(self.num_hidden, self.num_classes)) / np.sqrt(self.num_hidden)
        parts = [hidden, np.zeros(self.num_hidden), output, np.zeros(self.num_classes)]
        return np.concatenate([part.ravel() for part in parts])

    def unpack(self, params: Params) -> list[NDArray[np.float64]]:
        """Return W1 ``(d, h)``, b1 ``(h,)``, W2 ``(h, c)`` and b2 ``(c,)`` as views of params.

        Raises
        ------
        ShapeError
            When params is not a vector of ``num_params`` numbers.
        """
        if params.shape != (self.num_params,):
            raise ShapeError(
                f"params has shape {params.shape}; this network needs ({self.num_params},). "
                "Start from initial(rng=...)."
            )
        ends = np.cumsum([math.prod(shape) for shape in self._shapes])[:-1]
        flat = np.split(params, ends)
        return [part.reshape(shape) for part, shape in zip(flat, self._shapes, strict=True)]

    def logits(self, params: Params, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one score per class, shape ``(B, num_classes)``; the largest is the answer."""
        w1, b1, w2, b2 = self.unpack(params)
        scores: NDArray[np.float64] = np.tanh(features @ w1 + b1) @ w2 + b2
        return scores

    def losses(
        self, params: Params, features: NDArray[np.float64], labels: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the cross-entropy of each example in nats, shape ``(B,)``.

        Raises
        ------
        ShapeError
            When labels is not ``(B,)`` for features ``(B, d)``.
        CourseError
            When a label is not a whole number from 0 to ``num_classes - 1``.
        """
        self._check_labels(features, labels)
        chosen = _log_softmax(self.logits(params, features))[np.arange(len(labels)), labels]
        losses: NDArray[np.float64] = -chosen
        return losses

    def loss_and_gradient(
        self, params: Params, features: NDArray[np.float64], labels: NDArray[np.int64]
    ) -> tuple[float, Params]:
        """Return the mean cross-entropy and its gradient ``(num_params,)``.

        Raises
        ------
        ShapeError, CourseError
            As `losses`.
        """
        self._check_labels(features, labels)
        w1, b1, w2, b2 = self.unpack(params)
        rows = np.arange(len(labels))

        hidden = np.tanh(features @ w1 + b1)  # forward
        log_chance = _log_softmax(hidden @ w2 + b2)
        loss = -float(log_chance[rows, labels].mean())

        d_logits = np.exp(log_chance)  # backward: chance minus 1 at the true class, over B
        d_logits[rows, labels] -= 1
        d_logits /= len(labels)
        d_hidden = d_logits @ w2.T * (1 - hidden**2)
        parts = [features.T @ d_hidden, d_hidden.sum(axis=0), hidden.T @ d_logits, d_logits.sum(0)]
        return loss, np.concatenate([part.ravel() for part in parts])

    def _check_labels(self, features: NDArray[np.float64], labels: NDArray[np.int64]) -> None:
        if labels.shape != (len(features),):
            # without this check (B, 1) would silently become a (B, B) table
            raise ShapeError(
                f"labels {labels.shape} do not fit {len(features)} examples; "
                "they need the shape (B,)."
            )
        if labels.dtype.kind not in "iu":
            raise CourseError(
                f"labels of dtype {labels.dtype}; they need to be integers from 0 to "
                f"{self.num_classes - 1}, for example with labels.astype(int)."
            )
        if labels.min(initial=0) < 0 or labels.max(initial=0) >= self.num_classes:
            raise CourseError(
                f"labels from {labels.min()} to {labels.max()}; this network has "
                f"{self.num_classes} classes, 0 to {self.num_classes - 1}."
            )


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result
