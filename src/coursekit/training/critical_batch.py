"""How many steps a batch size needs to reach a target, and the two numbers behind that curve."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError, ShapeError
from .ensemble import Params


def steps_to_target(
    trained: Iterator[Params],
    losses: Callable[[Params], NDArray[np.float64]],
    *,
    target: float,
    max_steps: int,
    every: int = 1,
) -> NDArray[np.float64]:
    """At which step each member's loss is first seen at or below the target, shape ``(members,)``.

    Parameters
    ----------
    trained
        The parameters after each step, from `ensemble_steps`.
    losses
        The loss of each member, shape ``(members,)``. One that is no longer a number has not
        reached the target.
    target
        The loss to reach.
    max_steps
        Give up here. A member that is not there yet counts as infinite.
    every
        Look only every so many steps: the answer is late by at most ``every - 1``.
    """
    reached: NDArray[np.float64] | None = None
    with np.errstate(over="ignore", invalid="ignore"):  # a member may diverge
        for step in range(1, max_steps + 1):
            params = next(trained)
            if step % every:
                continue
            there = losses(params) <= target
            if reached is None:
                reached = np.full(there.shape, np.inf)
            reached[there & np.isinf(reached)] = step
            if np.isfinite(reached).all():
                break
    if reached is None:
        raise CourseError(f"every={every} but max_steps={max_steps}: the loss is never looked at.")
    return reached


@dataclass(frozen=True)
class CriticalBatch:
    """S(B) = S_min (1 + B_crit / B), as fitted.

    Attributes
    ----------
    min_steps
        S_min, in steps: what is left however large the batch.
    batch_size
        B_crit, in examples: there, twice the fewest steps and twice the fewest examples.
    """

    min_steps: float
    batch_size: float

    @property
    def min_examples(self) -> float:
        """E_min = S_min · B_crit, in examples: what is left however small the batch."""
        return self.min_steps * self.batch_size

    def steps(self, batch_size: ArrayLike) -> NDArray[np.float64]:
        """S(B), in steps, for each batch size."""
        return self.min_steps + self.min_examples / np.asarray(batch_size, dtype=np.float64)


def fit_critical_batch(batch_sizes: ArrayLike, steps: ArrayLike) -> CriticalBatch:
    """Fit S_min and B_crit to steps ``(n,)`` measured at batch sizes ``(n,)``.

    Written as S = S_min + E_min / B the curve is linear in two unknowns: least squares of the
    relative errors, because steps range over orders of magnitude.

    Source: McCandlish et al. 2018, arXiv:1812.06162, equation 2.11.

    Raises
    ------
    ShapeError
        When there are not at least 2 batch sizes with a number of steps for each.
    CourseError
        When a number of steps is not finite and positive, or the fit has no positive solution:
        the batch sizes then lie all on one side of the bend.
    """
    sizes = np.asarray(batch_sizes, dtype=np.float64)
    counts = np.asarray(steps, dtype=np.float64)
    if sizes.ndim != 1 or sizes.shape != counts.shape or len(np.unique(sizes)) < 2:
        raise ShapeError(
            f"batch_sizes {sizes.shape} and steps {counts.shape}; "
            "give a number of steps for each of at least 2 batch sizes."
        )
    if not (np.isfinite(counts).all() and (counts > 0).all()):
        raise CourseError("a batch size has no finite number of steps; leave it out of the fit.")
    columns = np.stack([1 / counts, 1 / (sizes * counts)], axis=1)
    min_steps, min_examples = np.linalg.lstsq(columns, np.ones(len(sizes)), rcond=None)[0]
    if min_steps <= 0 or min_examples <= 0:
        raise CourseError(
            "S_min or B_crit is not positive: the steps do not bend between these batch sizes; "
            "add smaller or larger ones."
        )
    return CriticalBatch(float(min_steps), float(min_examples / min_steps))


def critical_batch_interval(
    batch_sizes: ArrayLike,
    runs: ArrayLike,
    *,
    rng: np.random.Generator,
    coverage: float = 0.95,
    resamples: int = 1000,
) -> tuple[float, float]:
    """Percentile bootstrap interval of B_crit over the seeds of ``runs``, shape ``(n, seeds)``.

    At each batch size the runs are drawn again with replacement, averaged, and fitted. It speaks
    of the seeds only: neither of other data nor of whether the curve is the right one.
    """
    steps = np.asarray(runs, dtype=np.float64)
    if steps.ndim != 2 or steps.shape[1] < 2:
        raise ShapeError(f"runs {steps.shape}; it needs (batch sizes, seeds), at least 2 seeds.")
    rows = np.arange(len(steps))[:, None]
    found = [
        fit_critical_batch(
            batch_sizes, steps[rows, rng.integers(steps.shape[1], size=steps.shape)].mean(axis=1)
        ).batch_size
        for _ in range(resamples)
    ]
    low, high = np.quantile(found, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)
