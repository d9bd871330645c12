"""Many small classifiers at once: one hidden layer, gradients by hand, for `train_ensemble`.

Parameters are ``[weights (S, d, h), bias (S, 1, h), weights (S, h, c), bias (S, 1, c)]`` for S
members; each matrix product runs once for all members.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data import Classification
from .ensemble import Gradients, Params


def network_start(
    data: Classification, *, hidden: int, members: int, rng: np.random.Generator
) -> Params:
    """Random weights for each member, N(0, 2 / inputs) and N(0, 1 / hidden); biases zero.

    Source of the first scale: He et al. 2015, arXiv:1502.01852, for rectified linear units.
    """
    inputs, classes = data.features.shape[1], data.num_classes
    return [
        rng.normal(0.0, np.sqrt(2.0 / inputs), size=(members, inputs, hidden)),
        np.zeros((members, 1, hidden)),
        rng.normal(0.0, np.sqrt(1.0 / hidden), size=(members, hidden, classes)),
        np.zeros((members, 1, classes)),
    ]


def network_gradients(data: Classification) -> Gradients:
    """Gradients of the mean cross-entropy of a batch, by hand-written backpropagation."""
    features, labels = data.features, data.labels

    def gradients(params: Params, batches: NDArray[np.int64]) -> Params:
        inputs = features[batches]
        hidden, log_chances = _forward(params, inputs)
        d_logits = np.exp(log_chances)
        member, place = np.indices(batches.shape)
        d_logits[member, place, labels[batches]] -= 1.0
        d_logits /= batches.shape[1]
        d_hidden = (d_logits @ params[2].transpose(0, 2, 1)) * (hidden > 0)
        return [
            inputs.transpose(0, 2, 1) @ d_hidden,
            d_hidden.sum(axis=1, keepdims=True),
            hidden.transpose(0, 2, 1) @ d_logits,
            d_logits.sum(axis=1, keepdims=True),
        ]

    return gradients


def network_scores(
    params: Params, data: Classification
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean cross-entropy and accuracy of each member on ``data``, both of shape ``(members,)``."""
    losses, accuracies = [], []
    for member in range(len(params[0])):
        _, log_chances = _forward([p[member : member + 1] for p in params], data.features[None])
        losses.append(-log_chances[0, np.arange(data.num_examples), data.labels].mean())
        accuracies.append((log_chances[0].argmax(axis=1) == data.labels).mean())
    return np.array(losses), np.array(accuracies)


def network_noise_scales(params: Params, data: Classification) -> NDArray[np.float64]:
    """Simple noise scale of each member over all of ``data``, in examples, shape ``(members,)``.

    No example's gradient is put together. A layer's gradient is the outer product of what came in
    and the slope at what went out, so its squared norm is the product of theirs; the bias is an
    input that is always 1.

    Source: Goodfellow 2015, arXiv:1510.01799, the norms; `coursekit.gradients.noise_scale`.
    """
    scales = []
    everything = np.arange(data.num_examples)[None]
    for member in range(len(params[0])):
        one = [p[member : member + 1] for p in params]
        hidden, log_chances = _forward(one, data.features[None])
        d_logits = np.exp(log_chances[0])
        d_logits[everything[0], data.labels] -= 1.0
        d_hidden = (d_logits @ one[2][0].T) * (hidden[0] > 0)
        norms = ((data.features**2).sum(axis=1) + 1) * (d_hidden**2).sum(axis=1)
        norms += ((hidden[0] ** 2).sum(axis=1) + 1) * (d_logits**2).sum(axis=1)
        signal = sum(float((g**2).sum()) for g in network_gradients(data)(one, everything))
        scales.append(norms.mean() / signal - 1.0)
    return np.array(scales)


def _forward(
    params: Params, inputs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hidden activations, and the logarithms of the class probabilities."""
    hidden = np.maximum(inputs @ params[0] + params[1], 0.0)
    logits = hidden @ params[2] + params[3]
    logits = logits - logits.max(axis=2, keepdims=True)
    return hidden, logits - np.log(np.exp(logits).sum(axis=2, keepdims=True))
