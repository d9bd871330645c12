"""The mini-batch loop: shuffle, cut, look at a batch, take a step."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import CourseError, ShapeError
from ..sampling import Order, batches, num_steps, reshuffle
from .models import Model
from .records import StepRecord


def train(
    model: Model,
    params: ArrayLike,
    features: ArrayLike,
    targets: ArrayLike,
    *,
    batch_size: int,
    learning_rate: float,
    epochs: int = 1,
    order: Order = reshuffle,
    drop_last: bool = False,
    rng: np.random.Generator | None = None,
) -> Iterator[StepRecord]:
    """Yield one record per update of plain mini-batch gradient descent.

    The loop prints nothing and stores nothing: keep what you need of each record. It stops when
    you stop asking, so "train until" is a ``break`` in your own loop.

    >>> from coursekit.data import running_example
    >>> from coursekit.sampling import in_order
    >>> from coursekit.training import LeastSquares, train
    >>> data = running_example()
    >>> steps = train(LeastSquares(), [0.0, 0.0, 0.0], data.features, data.targets,
    ...               batch_size=4, learning_rate=0.05, order=in_order)
    >>> [(record.batch.tolist(), record.loss) for record in steps][0]
    ([0, 1, 2, 3], 8.625)

    Parameters
    ----------
    model
        `LeastSquares`, `Mlp`, or anything with their `losses` and `loss_and_gradient`.
    params
        Where to start, shape ``(num_params,)``. It is copied, never changed.
    features, targets
        Shapes ``(N, d)`` and ``(N,)``.
    batch_size, epochs, order, drop_last, rng
        As in `coursekit.sampling.batches`.
    learning_rate
        The factor η in ``params - η * gradient``. The gradient is a mean over the examples that
        are in the batch, so a ragged last batch takes a step of the usual length.

    Raises
    ------
    ShapeError
        When features and targets do not have the same number of examples.
    CourseError
        When the learning rate is not a positive number, or the batches cannot be made. All of
        this is raised by the call itself, not at the first step.
    """
    x, y = np.asarray(features), np.asarray(targets)
    if x.shape[:1] != y.shape[:1]:
        raise ShapeError(
            f"features {x.shape} and targets {y.shape}; they need the same number of examples."
        )
    if not 0 < learning_rate < np.inf:
        raise CourseError(f"learning_rate={learning_rate}; it must be a positive number.")
    epoch_steps = num_steps(len(y), batch_size, drop_last=drop_last)
    chosen = batches(len(y), batch_size, order=order, epochs=epochs, drop_last=drop_last, rng=rng)
    return _steps(
        model, np.array(params, dtype=np.float64), x, y, chosen, epoch_steps, learning_rate
    )


def _steps(
    model: Model,
    params: NDArray[np.float64],
    features: NDArray[Any],
    targets: NDArray[Any],
    chosen: Iterator[NDArray[np.int64]],
    epoch_steps: int,
    learning_rate: float,
) -> Iterator[StepRecord]:
    params.setflags(write=False)
    for step, batch in enumerate(chosen):
        loss, gradient = model.loss_and_gradient(params, features[batch], targets[batch])
        params_after = params - learning_rate * gradient
        for array in (batch, gradient, params_after):
            array.setflags(write=False)
        yield StepRecord(step, step // epoch_steps, batch, loss, gradient, params, params_after)
        params = params_after
