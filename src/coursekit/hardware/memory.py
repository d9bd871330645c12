"""Bytes of a step against the batch size: what is there anyway, and what each example adds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from numpy.typing import ArrayLike

from ..errors import BatchSizeError
from .lines import fit_line


@dataclass(frozen=True)
class MemoryModel:
    """A step of B examples needs fixed_bytes + bytes_per_example · B bytes.

    Fixed are parameters, gradients and the optimizer's states; each example adds its activations.
    All in bytes: a GB of a data sheet is 1e9 of them, a GiB of a tool is 2**30.

    >>> model = MemoryModel(fixed_bytes=2e9, bytes_per_example=100e6)
    >>> model.largest_batch(16e9)
    140
    """

    fixed_bytes: float
    bytes_per_example: float

    def bytes(self, batch_size: float) -> float:
        """Return the bytes that a step of ``batch_size`` examples needs."""
        return self.fixed_bytes + self.bytes_per_example * batch_size

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
                "fit it to batch sizes that differ more."
            )
        largest = math.floor((limit_bytes - self.fixed_bytes) / self.bytes_per_example) + 1
        while self.bytes(largest) > limit_bytes:  # once, or twice where the division rounded up
            largest -= 1
        if largest < 1:
            raise BatchSizeError(
                f"{self.bytes(1):.4g} bytes for a batch of 1, and the limit is {limit_bytes:.4g}; "
                "not one example fits. Use a smaller model, fewer optimizer states, a shorter "
                "number type, or recompute activations."
            )
        return largest


def fit_memory_model(batch_sizes: ArrayLike, measured_bytes: ArrayLike) -> MemoryModel:
    """Fit fixed_bytes + bytes_per_example · B to bytes measured at several batch sizes.

    Both have shape ``(num_sizes,)``. By relative error; raises what `lines.fit_line` raises.
    """
    return MemoryModel(*fit_line(batch_sizes, measured_bytes))


def training_state_bytes(
    num_params: int, *, optimizer_states: int, bytes_per_number: int = 4
) -> int:
    """Bytes that do not depend on the batch: parameters, gradients, optimizer states.

    ``optimizer_states`` is how many numbers the optimizer keeps for each parameter: 0 for plain
    SGD, 1 with momentum, 2 for Adam. With float32 that is 8, 12 and 16 bytes a parameter.
    """
    return num_params * (2 + optimizer_states) * bytes_per_number
