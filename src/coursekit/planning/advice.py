"""From evidence to a batch size: arithmetic only.

A run needs S(B) = S_min (1 + B_crit / B) steps to a given loss, and a step takes t(B) = a + cB
seconds. Their product, the time to that loss, is least at B = √(B_crit · a/c): the geometric mean
of the critical batch size and the knee. Around it the curve is flat, which is why a noise scale
that is off by a factor of two still gives a good batch size.

Source: McCandlish et al. 2018, arXiv:1812.06162, equation 2.11 for S(B), with B_crit taken to be
the noise scale; time t(B) as `coursekit.hardware.TimeModel`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import BatchSizeError
from .records import Speed

TOLERATED = 1.1
"""Batch sizes whose predicted time is within this factor of the best are called equally good."""
OFF = 3.0
"""How far the noise scale may be from the critical batch size: chapter 09 measures both."""


@dataclass(frozen=True)
class Split:
    """How a global batch is cut: examples in a pass, passes in a step, devices side by side."""

    micro_batch_size: int
    accumulation_steps: int
    world_size: int

    @property
    def global_batch_size(self) -> int:
        """Examples in a step."""
        return self.micro_batch_size * self.accumulation_steps * self.world_size


def split(batch_size: int, *, world_size: int, largest: int) -> Split:
    """Cut a batch into the fewest equal micro-batches of at most ``largest`` examples.

    Rounded up where it does not divide: the global batch size may come out a little larger.

    >>> split(1000, world_size=2, largest=128)
    Split(micro_batch_size=125, accumulation_steps=4, world_size=2)

    Raises
    ------
    BatchSizeError
        When a number is below 1, or there are more devices than examples.
    """
    if min(batch_size, world_size, largest) < 1:
        raise BatchSizeError(
            f"batch_size={batch_size}, world_size={world_size}, largest={largest}; each must be "
            "at least 1."
        )
    if batch_size < world_size:
        raise BatchSizeError(
            f"a global batch of {batch_size} cannot be shared among {world_size} devices; use at "
            f"most {batch_size} of them."
        )
    per_device = -(-batch_size // world_size)
    passes = -(-per_device // largest)
    return Split(-(-per_device // passes), passes, world_size)


def relative_time(cut: Split, speed: Speed, noise_scale: float) -> float:
    """Predicted time to a given loss, in seconds for each of the S_min steps."""
    steps = 1 + noise_scale / cut.global_batch_size
    return steps * speed.step_seconds(cut.micro_batch_size, cut.accumulation_steps)


def candidates(*, world_size: int, largest: int, num_examples: int) -> list[Split]:
    """Splits worth comparing: 1, 2, 3, 4, 6, 8, 12, … examples a device, and the largest."""
    most = num_examples // world_size
    sizes = {n for k in range(most.bit_length()) for n in (2**k, 3 * 2 ** (k - 1)) if n == int(n)}
    sizes.add(min(largest, most))
    return [
        split(int(size) * world_size, world_size=world_size, largest=largest)
        for size in sorted(sizes)
        if 1 <= size <= most
    ]


def best_split(options: list[Split], speed: Speed, noise_scale: float) -> Split:
    """The option with the least predicted time."""
    return min(options, key=lambda cut: relative_time(cut, speed, noise_scale))


def regret(cut: Split, options: list[Split], speed: Speed, noise_scale: float) -> float:
    """The most that ``cut`` takes over the best, if B_crit is up to `OFF` times off either way."""
    ratios = []
    for scale in (noise_scale / OFF, noise_scale * OFF):
        best = best_split(options, speed, scale)
        ratios.append(relative_time(cut, speed, scale) / relative_time(best, speed, scale))
    return max(ratios)


def equally_good(
    options: list[Split], speed: Speed, noise_scales: Sequence[float]
) -> tuple[int, int]:
    """Smallest and largest global batch size within 10 % of the best, for any of the noise scales.

    Give both ends of an interval and its middle.
    """
    good = set()
    for scale in noise_scales:
        times = {cut.global_batch_size: relative_time(cut, speed, scale) for cut in options}
        good |= {size for size, time in times.items() if time <= TOLERATED * min(times.values())}
    return min(good), max(good)
