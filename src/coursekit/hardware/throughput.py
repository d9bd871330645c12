"""Seconds of a step against the batch size: a fixed part, a part per example, and the knee."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError
from .lines import fit_line


@dataclass(frozen=True)
class TimeModel:
    """A step of B examples takes t(B) = a + cB seconds.

    a is paid once a step, whatever its size: calls, launches, the update of the parameters. c is
    paid for each example.

    >>> model = TimeModel(fixed_seconds=0.002, seconds_per_example=0.00001)
    >>> model.half_batch
    200.0
    >>> round(model.throughput(200)), round(model.peak_throughput)
    (50000, 100000)

    Attributes
    ----------
    fixed_seconds
        a, in seconds a step.
    seconds_per_example
        c, in seconds an example.
    """

    fixed_seconds: float
    seconds_per_example: float

    @property
    def half_batch(self) -> float:
        """a / c, in examples: the batch size at which throughput is half its peak.

        Infinite where c is zero: then the batch sizes that were measured show no knee.
        """
        if self.seconds_per_example == 0:
            return math.inf
        return self.fixed_seconds / self.seconds_per_example

    @property
    def peak_throughput(self) -> float:
        """1 / c, in examples a second: what ever larger batches approach."""
        return math.inf if self.seconds_per_example == 0 else 1 / self.seconds_per_example

    def seconds(self, batch_size: float) -> float:
        """Return t(B) = a + cB."""
        return self.fixed_seconds + self.seconds_per_example * batch_size

    def throughput(self, batch_size: float) -> float:
        """Return B / t(B), in examples a second."""
        return batch_size / self.seconds(batch_size)


def fit_time_model(batch_sizes: ArrayLike, seconds: ArrayLike) -> TimeModel:
    """Fit t(B) = a + cB to measured seconds, by relative error.

    ``seconds`` has shape ``(num_sizes,)``, or ``(num_rounds, num_sizes)`` as `measure_seconds`
    returns it; of several rounds `undisturbed` counts. Raises what `lines.fit_line` raises.
    """
    measured = np.asarray(seconds, dtype=float)
    if measured.ndim == 2:
        measured = undisturbed(measured)
    return TimeModel(*fit_line(batch_sizes, measured))


def undisturbed(seconds: ArrayLike) -> NDArray[np.float64]:
    """Seconds of each column of ``(num_rounds, num_columns)``: the tenth percentile of its rounds.

    Whatever disturbs a measurement adds to it and takes nothing away, so the fast rounds are nearer
    to the truth than the median, which other programs can double. The very fastest would be nearer
    still, but how far it would move in another series the bootstrap cannot tell.

    Source: J. Chen and J. Revels 2016, arXiv:1608.04295, who argue for the fastest.
    """
    return np.asarray(np.quantile(np.asarray(seconds, dtype=float), 0.1, axis=0))


def half_batch_interval(
    batch_sizes: ArrayLike,
    seconds: ArrayLike,
    *,
    rng: np.random.Generator,
    coverage: float = 0.95,
    num_resamples: int = 400,
) -> tuple[float, float]:
    """Interval of the knee a / c over repeated measurements, by the bootstrap over rounds.

    ``seconds`` has shape ``(num_rounds, num_sizes)``. Whole rounds are drawn with replacement, so
    what disturbed a round stays together. The interval says how far another series of measurements
    on this machine may land. It does not know whether a line is the right law.

    Source: B. Efron and R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.

    Raises
    ------
    CourseError
        With fewer than three rounds, or a coverage that is not between 0 and 1.
    """
    rounds = np.asarray(seconds, dtype=float)
    if rounds.ndim != 2 or len(rounds) < 3:
        raise CourseError(
            f"seconds has shape {rounds.shape}; an interval needs (num_rounds, num_sizes) with "
            "3 rounds at least. Measure more rounds."
        )
    if not 0 < coverage < 1:
        raise CourseError(f"coverage={coverage}; it must lie between 0 and 1, for example 0.95.")
    draws = rng.integers(len(rounds), size=(num_resamples, len(rounds)))
    knees = [fit_time_model(batch_sizes, rounds[draw]).half_batch for draw in draws]
    tail = (1 - coverage) / 2
    # one of the knees, never between two: an infinite one may be among them
    low, high = np.quantile(knees, [tail, 1 - tail], method="nearest")
    return float(low), float(high)


def measure_seconds(
    step: Callable[[int], object],
    batch_sizes: Sequence[int],
    *,
    rounds: int = 7,
    turn_seconds: float = 0.01,
    clock: Callable[[], float] = time.process_time,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Seconds of ``step(batch_size)``, shape ``(num_rounds, num_sizes)``.

    Each size runs three times untimed. Then every size has one turn in each round, in a new random
    order, so that what else the machine does falls on all alike. A turn is one untimed call and
    then as many as fill ``turn_seconds``; their mean counts. The garbage collector rests meanwhile.

    The default clock counts CPU time of this process: fair on a busy machine, and right on one
    thread only, because it adds up threads. For a device that works on its own (a GPU), ``step``
    must wait until it is done and the clock be `time.perf_counter`.

    Raises
    ------
    CourseError
        With no batch sizes or no rounds.
    """
    if not batch_sizes or rounds < 1:
        raise CourseError(f"{len(batch_sizes)} batch sizes, {rounds} rounds; give at least 1 each.")
    repeats = []
    for size in batch_sizes:
        warm = [_timed(step, size, 1, clock) for _ in range(3)]
        repeats.append(max(1, round(turn_seconds / max(min(warm), 1e-9))))
    seconds = np.empty((rounds, len(batch_sizes)))
    collecting = gc.isenabled()
    try:
        for row in seconds:
            gc.collect()
            gc.disable()
            for place in rng.permutation(len(batch_sizes)):
                step(batch_sizes[place])
                row[place] = _timed(step, batch_sizes[place], repeats[place], clock)
    finally:
        if collecting:
            gc.enable()
    return seconds


def _timed(
    step: Callable[[int], object], batch_size: int, repeats: int, clock: Callable[[], float]
) -> float:
    start = clock()
    for _ in range(repeats):
        step(batch_size)
    return (clock() - start) / repeats
