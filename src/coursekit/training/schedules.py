"""The learning rate as a function of the step, and how it follows the batch size.

A schedule is a pure function: give it a step, counted in parameter updates from 0, and it gives
the learning rate of that update. It remembers nothing, so it cannot get out of step with training,
and a resumed run needs no saved state. In PyTorch, with an optimizer made with ``lr=1.0``,
``LambdaLR(optimizer, schedule)`` follows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..errors import BatchSizeError, CourseError

Schedule = Callable[[int], float]
"""``step -> learning_rate``; the step counts parameter updates from 0."""


def constant(learning_rate: float) -> Schedule:
    """Keep one learning rate at every step.

    Raises
    ------
    CourseError
        When the learning rate is not a positive number.
    """
    _positive(learning_rate=learning_rate)
    return _from_step_zero(lambda step: learning_rate)


def step_decay(learning_rate: float, *, every: int, factor: float = 0.1) -> Schedule:
    """Multiply by ``factor`` after each ``every`` steps. PyTorch: ``StepLR(every, factor)``.

    >>> rate = step_decay(0.1, every=30, factor=0.5)
    >>> rate(29), rate(30), rate(60)
    (0.1, 0.05, 0.025)

    Raises
    ------
    CourseError
        When a rate, a factor or a number of steps is not positive.
    """
    _positive(learning_rate=learning_rate, factor=factor)
    _whole(every=every)
    return _from_step_zero(lambda step: learning_rate * factor ** (step // every))


def cosine(learning_rate: float, *, steps: int, final: float = 0.0) -> Schedule:
    """Half a cosine, from ``learning_rate`` at step 0 to ``final`` at step ``steps``; then flat.

    PyTorch: ``CosineAnnealingLR(T_max=steps, eta_min=final)``, which goes up again after T_max.
    Source: Loshchilov and Hutter 2017, arXiv:1608.03983, equation 5 without restarts.

    Raises
    ------
    CourseError
        When the learning rate or ``steps`` is not positive, or ``final`` is below 0.
    """
    _positive(learning_rate=learning_rate)
    _whole(steps=steps)
    if not 0 <= final < math.inf:
        raise CourseError(f"final={final}; it must be 0 or a positive number.")

    def rate(step: int) -> float:
        turn = math.cos(math.pi * min(step / steps, 1.0))
        return final + (learning_rate - final) * (1 + turn) / 2

    return _from_step_zero(rate)


def linear_warmup(learning_rate: float, *, start: float, steps: int) -> Schedule:
    """Rise on a straight line from ``start`` to ``learning_rate`` in ``steps`` steps, and stay.

    PyTorch: ``LinearLR(start_factor=start / learning_rate, total_iters=steps)``.
    Source: Goyal et al. 2017, arXiv:1706.02677, section 2.2, their gradual warm-up.

    >>> rate = linear_warmup(0.16, start=0.01, steps=100)
    >>> rate(0), round(rate(50), 3), rate(100), rate(999)
    (0.01, 0.085, 0.16, 0.16)

    Raises
    ------
    CourseError
        As `warmup_then`.
    """
    return warmup_then(constant(learning_rate), start=start, steps=steps)


def warmup_then(schedule: Schedule, *, start: float, steps: int) -> Schedule:
    """Warm up to where ``schedule`` begins, then follow it from its own step 0.

    PyTorch: ``SequentialLR([LinearLR(…, total_iters=steps), …], milestones=[steps])``.

    Raises
    ------
    CourseError
        When ``start`` or ``steps`` is not positive: at a rate of 0 the first step does nothing.
    """
    _positive(start=start)
    _whole(steps=steps)
    top = schedule(0)

    def rate(step: int) -> float:
        return start + (top - start) * (step / steps) if step < steps else schedule(step - steps)

    return _from_step_zero(rate)


def linear_scaling(learning_rate: float, batch_size: int, new_batch_size: int) -> float:
    """Learning rate for a new batch size: in proportion to it. For gradient descent on a *mean*.

    The rule holds to first order in the learning rate, and only below the stability limit.
    Source: Goyal et al. 2017, arXiv:1706.02677, section 2.1.

    >>> round(linear_scaling(0.01, 32, 512), 6)
    0.16

    Raises
    ------
    CourseError
        When the learning rate is not positive, or (`BatchSizeError`) a batch size is below 1.
    """
    return learning_rate * _growth(learning_rate, batch_size, new_batch_size)


def square_root_scaling(learning_rate: float, batch_size: int, new_batch_size: int) -> float:
    """Learning rate for a new batch size: in proportion to its square root. Proposed for Adam.

    Source: Malladi et al. 2022, arXiv:2205.10287, for Adam where noise dominates; for gradient
    descent Krizhevsky 2014, arXiv:1404.5997.

    >>> round(square_root_scaling(0.001, 32, 512), 6)
    0.004

    Raises
    ------
    CourseError
        When the learning rate is not positive, or (`BatchSizeError`) a batch size is below 1.
    """
    return learning_rate * math.sqrt(_growth(learning_rate, batch_size, new_batch_size))


def _growth(learning_rate: float, batch_size: int, new_batch_size: int) -> float:
    _positive(learning_rate=learning_rate)
    if batch_size < 1 or new_batch_size < 1:
        raise BatchSizeError(
            f"batch_size={batch_size}, new_batch_size={new_batch_size}; both must be at least 1."
        )
    return new_batch_size / batch_size


def _from_step_zero(rate: Schedule) -> Schedule:
    def checked(step: int) -> float:
        if step < 0:
            raise CourseError(f"step={step}; steps are counted from 0.")
        return rate(step)

    return checked


def _positive(**numbers: float) -> None:
    for name, number in numbers.items():
        if not 0 < number < math.inf:
            raise CourseError(f"{name}={number}; it must be a positive number.")


def _whole(**counts: int) -> None:
    for name, count in counts.items():
        if count != int(count) or count < 1:
            raise CourseError(f"{name}={count}; it must be a whole number of steps, at least 1.")
