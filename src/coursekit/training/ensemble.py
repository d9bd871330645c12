"""Many training runs at once: one more array axis, the member, in front of everything.

A comparison of two ways to train needs many seeds before it says anything. Run one after the other
in Python they take minutes; as one array they take seconds, and each member is the run it would
have been alone: it draws its batches from a random generator of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ShapeError
from ..sampling import Order, num_steps, reshuffle
from .optimizers import Optimizer, descend

Params = Sequence[NDArray[np.float64]]
"""The parameters of all members: arrays whose first axis is the member."""

Gradients = Callable[[Params, NDArray[np.int64]], Params]
"""``(params, batches) -> grads``; ``batches`` holds example numbers, shape ``(members, B)``."""


def ensemble_orders(
    order: Order, num_examples: int, *, members: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Each epoch's order for every member, shape ``(members, N)``, without end.

    Member m draws from ``rng.spawn(members)[m]``: adding members changes no earlier one.
    """
    orders = [order(num_examples, rng=child) for child in rng.spawn(members)]
    while True:
        yield np.stack([next(one) for one in orders])


def train_ensemble(
    gradients: Gradients,
    params: Params,
    *,
    num_examples: int,
    batch_size: int,
    learning_rate: ArrayLike | Callable[[int], ArrayLike],
    epochs: int,
    order: Order = reshuffle,
    optimizer: Optimizer = descend,
    rng: np.random.Generator,
) -> Iterator[Params]:
    """Train every member by mini-batch gradient descent and yield the parameters after each epoch.

    Parameters
    ----------
    gradients
        From `linear_gradients` or `network_gradients`, or your own.
    params
        Where to start: arrays of shape ``(members, ...)``. They are not changed.
    num_examples, batch_size
        N and B; a shorter last batch is kept.
    learning_rate
        One number, or one for each member, shape ``(members,)``; or a function of the step that
        gives either, for example from `coursekit.training.schedules`.
    epochs
        How many epochs.
    order
        Which order each epoch has; see `coursekit.sampling`.
    optimizer
        What a gradient does to the parameters; see `coursekit.training.optimizers`.
    rng
        Every member gets a generator of its own from it.

    Raises
    ------
    BatchSizeError
        When the batch size is below 1 or above N; raised before the first epoch runs.
    ShapeError
        When the arrays in ``params``, or the learning rates, disagree about how many members
        there are.
    """
    steps = num_steps(num_examples, batch_size)
    every_step = ensemble_steps(
        gradients, params, num_examples=num_examples, batch_size=batch_size,
        learning_rate=learning_rate, order=order, optimizer=optimizer, rng=rng,
    )  # fmt: skip
    return islice(every_step, steps - 1, epochs * steps, steps)


def ensemble_steps(
    gradients: Gradients,
    params: Params,
    *,
    num_examples: int,
    batch_size: int,
    learning_rate: ArrayLike | Callable[[int], ArrayLike],
    order: Order = reshuffle,
    optimizer: Optimizer = descend,
    rng: np.random.Generator,
) -> Iterator[Params]:
    """Train as `train_ensemble` does, but yield the parameters after each step, without end."""
    steps = num_steps(num_examples, batch_size)
    members = len(params[0])

    def rates_at(step: int) -> NDArray[np.float64]:
        rates = np.asarray(
            learning_rate(step) if callable(learning_rate) else learning_rate, dtype=np.float64
        )
        if any(len(p) != members for p in params) or rates.shape not in [(), (members,)]:
            raise ShapeError(
                f"params {[p.shape for p in params]} and learning_rate {rates.shape}; "
                "all need the same first axis, the members, or one learning rate for all."
            )
        return rates

    rates_at(0)
    orders = ensemble_orders(order, num_examples, members=members, rng=rng)

    def run() -> Iterator[Params]:
        now: Params = list(params)
        for epoch, epoch_order in enumerate(orders):
            for step in range(steps):
                batches = epoch_order[:, step * batch_size : (step + 1) * batch_size]
                now = optimizer(now, gradients(now, batches), rates_at(epoch * steps + step))
                yield now

    return run()


def linear_gradients(features: ArrayLike, targets: ArrayLike) -> Gradients:
    """Gradients of the mean squared error of ``features @ weights``, for many weights at once.

    The one parameter is ``weights``, shape ``(members, d)``. A bias is a feature that is always 1.
    """
    x, y = np.asarray(features, dtype=np.float64), np.asarray(targets, dtype=np.float64)

    def gradients(params: Params, batches: NDArray[np.int64]) -> Params:
        (weights,) = params
        inputs = x[batches]
        errors = (inputs @ weights[:, :, None])[:, :, 0] - y[batches]
        return [2.0 / batches.shape[1] * (errors[:, None, :] @ inputs)[:, 0]]

    return gradients
