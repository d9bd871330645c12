"""Stale gradients: what happens when nobody waits. A simulation, exact in its order of events.

Asynchronous workers read the parameters, compute, and by the time they deliver, others have moved
the parameters on. Real workers do this in an order nobody can repeat; here time is simulated, so
that a run can be.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError, ShapeError
from ..sampling import Order, batches, num_steps, reshuffle
from .ensemble import Gradients, Params


@dataclass(frozen=True)
class Arrivals:
    """When asynchronous gradients arrive, and how old they are.

    Attributes
    ----------
    times
        Simulated time of each update, shape ``(updates,)``.
    delays
        How many updates others made while this gradient was computed, shape ``(updates,)``.
    """

    times: NDArray[np.float64]
    delays: NDArray[np.int64]


def asynchronous(durations: ArrayLike) -> Arrivals:
    """Let K workers deliver gradients whenever they are ready, without waiting for each other.

    ``durations[w, j]`` is the time that worker w needs for its j-th gradient, shape ``(K, n)``.
    Follows every worker until one of them has used up its n gradients.

    >>> asynchronous([[1, 1, 1, 1], [3, 3, 3, 3]]).delays.tolist()
    [0, 0, 0, 3, 1]

    Raises
    ------
    ShapeError
        When ``durations`` is not a table.
    """
    table = np.asarray(durations, dtype=np.float64)
    if table.ndim != 2:
        raise ShapeError(f"durations {table.shape}; it needs one row for each worker, (K, n).")
    busy = [(row[0], worker) for worker, row in enumerate(table.tolist())]
    heapq.heapify(busy)
    read_at, done = [0] * len(table), [0] * len(table)
    times: list[float] = []
    delays: list[int] = []
    while True:
        now, worker = heapq.heappop(busy)
        delays.append(len(times) - read_at[worker])
        times.append(now)
        done[worker] += 1
        if done[worker] == table.shape[1]:
            return Arrivals(np.array(times), np.array(delays, dtype=np.int64))
        read_at[worker] = len(times)
        heapq.heappush(busy, (now + table[worker, done[worker]], worker))


def synchronous(durations: ArrayLike) -> NDArray[np.float64]:
    """Times of the updates when each waits for the slowest of K workers, shape ``(n,)``."""
    return np.asarray(np.asarray(durations, dtype=np.float64).max(axis=0).cumsum())


def train_stale(
    gradients: Gradients,
    params: Params,
    *,
    num_examples: int,
    batch_size: int,
    learning_rate: float,
    delays: ArrayLike,
    order: Order = reshuffle,
    rng: np.random.Generator,
) -> Iterator[Params]:
    """Train every member with old gradients; yield the parameters after each update.

    Update t applies the gradient at the parameters of ``delays[t]`` updates ago (at the start, of
    as many as there were). With all delays 0 this is plain mini-batch training.

    Parameters
    ----------
    gradients, params
        As in `train_ensemble`: arrays whose first axis is the member.
    delays
        One whole number from 0 on for each update; constant, or from `asynchronous`.
    rng
        Every member draws its batches from a generator of its own from it.

    Raises
    ------
    CourseError
        When a delay is negative.
    """
    lags = np.asarray(delays, dtype=np.int64)
    if lags.size and lags.min() < 0:
        raise CourseError(f"a delay of {lags.min()}; gradients come from the past, 0 or more.")
    epochs = -(-len(lags) // num_steps(num_examples, batch_size, drop_last=True))
    chosen = [
        batches(num_examples, batch_size, order=order, epochs=epochs, drop_last=True, rng=child)
        for child in rng.spawn(len(params[0]))
    ]
    history: list[Sequence[NDArray[np.float64]]] = [list(params)]
    keep = int(lags.max(initial=0)) + 1
    for t, lag in enumerate(lags.tolist()):
        seen = history[-1 - min(lag, t)]
        grads = gradients(seen, np.stack([next(one) for one in chosen]))
        now = [p - learning_rate * g for p, g in zip(history[-1], grads, strict=True)]
        history = [*history[-keep:], now]
        yield now


def stale_limit(curvature: float, delay: int) -> float:
    """Largest stable learning rate of gradient descent with gradients ``delay`` updates old.

    (2/L) sin(π / (4·delay + 2)) for the curvature L: the largest eigenvalue of the Hessian. Source:
    Levin and May 1976, doi:10.1016/0040-5809(76)90043-5, who write 2 cos(kπ / (2k + 1)).

    >>> round(stale_limit(1.0, 0), 12), round(stale_limit(1.0, 1), 12)
    (2.0, 1.0)
    """
    return 2 / curvature * math.sin(math.pi / (4 * delay + 2))
