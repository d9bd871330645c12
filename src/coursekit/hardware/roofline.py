"""Operations and bytes of a training step, counted, and which of the two limits its speed.

A machine does at most ``peak_flops`` operations and moves at most ``bandwidth`` bytes a second. A
step that does F operations on Q bytes cannot be faster than the slower of the two allows, whatever
its code. Bytes are counted as if each operation read its inputs from memory once and wrote its
result once; a cache may save some of that, and temporary copies may add.

Source: S. Williams, A. Waterman and D. Patterson, Roofline, Communications of the ACM 52(4), 2009,
doi:10.1145/1498765.1498785.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..errors import BatchSizeError, ShapeError


@dataclass(frozen=True)
class Work:
    """What a computation does: ``flops`` additions and multiplications, ``bytes_moved`` bytes."""

    flops: float
    bytes_moved: float

    @property
    def intensity(self) -> float:
        """Arithmetic intensity, in FLOP per byte."""
        return self.flops / self.bytes_moved

    def __add__(self, other: Work) -> Work:
        return Work(self.flops + other.flops, self.bytes_moved + other.bytes_moved)

    def seconds(self, *, peak_flops: float, bandwidth: float) -> float:
        """Return the least time: the larger of F / peak_flops and Q / bandwidth."""
        return max(self.flops / peak_flops, self.bytes_moved / bandwidth)


def ridge(*, peak_flops: float, bandwidth: float) -> float:
    """Return the intensity at which both limits are met at once, in FLOP per byte."""
    return peak_flops / bandwidth


def attainable_flops(intensity: float, *, peak_flops: float, bandwidth: float) -> float:
    """Return the most FLOP a second at this intensity: min(peak_flops, intensity · bandwidth)."""
    return min(peak_flops, intensity * bandwidth)


def linear_step(
    batch_size: int,
    num_in: int,
    num_out: int,
    *,
    bytes_per_number: int = 4,
    input_gradient: bool = True,
) -> Work:
    """Count the three matrix products of a linear layer's training step, without bias.

    Forward X W, backward Xᵀ dY for the weights and dY Wᵀ for the inputs: each does 2 · B · in · out
    operations, and each reads or writes the three matrices B × in, in × out and B × out once. A
    first layer needs no gradient of its inputs: ``input_gradient=False``.

    Raises
    ------
    BatchSizeError
        When the batch size is below 1.
    """
    if batch_size < 1:
        raise BatchSizeError(f"batch_size={batch_size}; a step needs at least 1 example.")
    products = 3 if input_gradient else 2
    numbers = batch_size * num_in + num_in * num_out + batch_size * num_out
    flops = 2 * batch_size * num_in * num_out
    return Work(products * flops, products * numbers * bytes_per_number)


def mlp_step(batch_size: int, widths: Sequence[int], *, bytes_per_number: int = 4) -> Work:
    """Count the matrix products of a training step of a chain of linear layers.

    ``widths`` are the sizes from the inputs to the outputs: ``(64, 128, 10)`` has two layers. Only
    products are counted, as they do nearly all the operations.

    Raises
    ------
    ShapeError
        With fewer than two widths.
    """
    if len(widths) < 2:
        raise ShapeError(f"widths={tuple(widths)}; a network needs inputs and outputs.")
    work = Work(0, 0)
    for place, (num_in, num_out) in enumerate(pairwise(widths)):
        work += linear_step(
            batch_size,
            num_in,
            num_out,
            bytes_per_number=bytes_per_number,
            input_gradient=place > 0,
        )
    return work
