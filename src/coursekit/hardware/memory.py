"""Bytes of a step against the batch size: what is there anyway, and what each example adds."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..errors import BatchSizeError
from .lines import fit_line


@dataclass(frozen=True)
class MemoryModel:
    """A step of B examples needs fixed_bytes + bytes_per_example · B bytes, but at least a floor.

    Fixed are parameters, gradients and the optimizer's states; each example adds its activations.
    While batches are small, the most memory may be in use not in the backward pass but while the
    optimizer updates, whatever the batch: that is the floor.

    All in bytes: a GB of a data sheet is 1e9 of them, a GiB of a tool is 2**30.

    >>> model = MemoryModel(fixed_bytes=2e9, bytes_per_example=100e6)
    >>> model.largest_batch(16e9)
    140
    """

    fixed_bytes: float
    bytes_per_example: float
    floor_bytes: float = 0.0

    def bytes(self, batch_size: float) -> float:
        """Return the bytes that a step of ``batch_size`` examples needs."""
        return max(self.floor_bytes, self.fixed_bytes + self.bytes_per_example * batch_size)

    def largest_batch(self, limit_bytes: float) -> int:
        """Return the largest batch size that needs no more than ``limit_bytes``.

        Raises
        ------
        BatchSizeError
            When not one example fits, or when examples cost nothing, so that no limit follows.
        """
        if self.bytes_per_example <= 0:
            raise BatchSizeError(
                "an example adds no memory in this model, so it names no largest batch; "
                "measure larger batches and fit again."
            )
        if self.bytes(1) > limit_bytes:
            raise BatchSizeError(
                f"{self.bytes(1):.4g} bytes for a batch of 1, and the limit is {limit_bytes:.4g}; "
                "not one example fits. Use a smaller model, fewer optimizer states, a shorter "
                "number type, or recompute activations."
            )
        largest = math.floor((limit_bytes - self.fixed_bytes) / self.bytes_per_example) + 1
        while self.bytes(largest) > limit_bytes:  # once, or twice where the division rounded up
            largest -= 1
        return largest


def fit_memory_model(batch_sizes: ArrayLike, measured_bytes: ArrayLike) -> MemoryModel:
    """Fit a `MemoryModel` to the bytes measured at several batch sizes, by relative error.

    Both have shape ``(num_sizes,)``. A floor under the smallest sizes is looked for from four sizes
    on: each number of small sizes is tried as the floor, if three others are left for the line.

    Raises
    ------
    ShapeError, CourseError
        As `lines.fit_line`.
    """
    sizes, costs = np.asarray(batch_sizes, dtype=float), np.asarray(measured_bytes, dtype=float)
    line = MemoryModel(*fit_line(sizes, costs))  # refuses what cannot be fitted
    order = np.argsort(sizes)
    sizes, costs = sizes[order], costs[order]
    candidates = [line]
    for flat in range(1, len(sizes) - 2):
        if len(set(sizes[flat:].tolist())) > 1:
            rest = fit_line(sizes[flat:], costs[flat:])
            candidates.append(MemoryModel(*rest, floor_bytes=float(costs[:flat].mean())))

    def error(model: MemoryModel) -> float:
        fitted = np.array([model.bytes(size) for size in sizes])
        return round(float(np.sum((fitted / costs - 1) ** 2)), 12)  # a tie goes to the plain line

    return min(candidates, key=error)


def training_state_bytes(
    num_params: int, *, optimizer_states: int, bytes_per_number: int = 4
) -> int:
    """Bytes that do not depend on the batch: parameters, gradients, optimizer states.

    ``optimizer_states`` is how many numbers the optimizer keeps for each parameter: 0 for plain
    SGD, 1 with momentum, 2 for Adam. With float32 that is 8, 12 and 16 bytes a parameter.
    """
    return num_params * (2 + optimizer_states) * bytes_per_number
