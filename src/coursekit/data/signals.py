"""Short signals in ten classes: small data on which a network can learn all and still be wrong."""

import numpy as np
from numpy.typing import NDArray

from ..errors import ShapeError
from .classification import Classification

NUM_CLASSES = 10
NUM_POINTS = 40
TEMPLATE_POINTS = 12
TEMPLATE_SEED = 1


def signals(num_examples: int, *, rng: np.random.Generator) -> Classification:
    """Ten templates, each example one of them, stretched, scaled, tilted, shifted and noisy.

    A template has 12 random heights; they are the same in every call. An example places it
    somewhere in 40 points, on a slope of its own, under noise that is smooth and noise that is
    not. Where the template stands says nothing about its class, which a network without
    convolutions has to learn from examples: with a few thousand of them it reaches all the
    training labels and, on new signals, far fewer.

    After the idea of MNIST-1D: Greydanus and Kobak 2020, arXiv:2011.14439. Templates and code are
    our own, so numbers differ from theirs.

    Raises
    ------
    ShapeError
        When there is not at least 1 example.
    """
    if num_examples < 1:
        raise ShapeError(f"num_examples={num_examples}; at least 1 is needed.")
    templates = np.random.default_rng(TEMPLATE_SEED).normal(size=(NUM_CLASSES, TEMPLATE_POINTS))
    labels = rng.integers(NUM_CLASSES, size=num_examples)

    def each(low: float, high: float) -> NDArray[np.float64]:
        return rng.uniform(low, high, size=(num_examples, 1))

    width = each(0.3, 0.5) * NUM_POINTS  # of the template, in points
    start = each(0.0, 1.0) * (NUM_POINTS - width)
    where = (np.arange(NUM_POINTS) - start) / width * (TEMPLATE_POINTS - 1)
    heights = _between_points(templates[labels], where)
    heights *= each(0.6, 1.4)
    heights += each(-0.75, 0.75) * np.linspace(-1.0, 1.0, NUM_POINTS)
    heights += 0.25 * _smooth(rng.normal(size=heights.shape))
    heights += 0.05 * rng.normal(size=heights.shape)
    return Classification(heights, labels.astype(np.int64), num_classes=NUM_CLASSES)


def _between_points(
    templates: NDArray[np.float64], where: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Each row's template at places ``where``: straight lines between its points, 0 outside."""
    inside = (where >= 0) & (where <= TEMPLATE_POINTS - 1)
    left = np.clip(where.astype(np.int64), 0, TEMPLATE_POINTS - 2)
    share = where - left
    low = np.take_along_axis(templates, left, axis=1)
    high = np.take_along_axis(templates, left + 1, axis=1)
    heights: NDArray[np.float64] = np.where(inside, (1 - share) * low + share * high, 0.0)
    return heights


def _smooth(noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted means of neighbors along each row (a circle), with variance 1 again."""
    weights = np.exp(-0.5 * (np.arange(-4, 5) / 2.0) ** 2)
    total = sum(w * np.roll(noise, k, axis=1) for k, w in zip(range(-4, 5), weights, strict=True))
    smooth: NDArray[np.float64] = total / np.sqrt((weights**2).sum())
    return smooth
