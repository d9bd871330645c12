"""Seconds of a training step against the batch size, for any model, loss and data."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..errors import ShapeError
from ..hardware import measure_seconds

Loss = Callable[[nn.Module, Any], Tensor]
"""``loss(model, batch)`` returns the mean loss of the batch, a tensor without dimensions."""

MakeOptimizer = Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]
"""``make_optimizer(model.parameters())``, for example ``torch.optim.AdamW``."""


def still_sgd(params: Iterator[nn.Parameter]) -> torch.optim.Optimizer:
    """SGD with a learning rate of zero: all the work of an update, and nothing learned."""
    return torch.optim.SGD(params, lr=0.0)


def first_examples(inputs: Tensor, targets: Tensor) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Return ``make_batch(batch_size)``: the first examples, from the start again when they end.

    So a batch may be larger than the data. Fit to measure time and memory; not to train.

    >>> make_batch = first_examples(torch.tensor([[5.0], [6.0]]), torch.tensor([0, 1]))
    >>> make_batch(3)[1].tolist()
    [0, 1, 0]

    Raises
    ------
    ShapeError
        When there are no examples, or not one target for each.
    """
    if len(inputs) == 0 or len(inputs) != len(targets):
        raise ShapeError(
            f"{len(inputs)} inputs and {len(targets)} targets; one target for each input is needed."
        )

    def make_batch(batch_size: int) -> tuple[Tensor, Tensor]:
        rows = torch.arange(batch_size, device=inputs.device) % len(inputs)
        return inputs[rows], targets[rows.to(targets.device)]

    return make_batch


def training_step(
    model: nn.Module, loss: Loss, *, make_optimizer: MakeOptimizer = still_sgd
) -> Callable[[Any], None]:
    """Return ``step(batch)``: forward, backward, update, on a copy of ``model``; yours stays.

    Gradients are freed at the end of a step, as `zero_grad` does by default.
    """
    model = copy.deepcopy(model).train()
    optimizer = make_optimizer(model.parameters())

    def step(batch: Any) -> None:
        loss(model, batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    return step


def step_seconds(
    model: nn.Module,
    loss: Loss,
    make_batch: Callable[[int], Any],
    batch_sizes: Sequence[int],
    *,
    make_optimizer: MakeOptimizer = still_sgd,
    rounds: int = 7,
    turn_seconds: float = 0.01,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Seconds of a training step at each batch size, shape ``(num_rounds, num_sizes)``.

    Batches are made beforehand, so loading does not count. On the CPU it runs on one thread, by CPU
    time, and gives back the number of threads; on a GPU it waits for the device, by the clock on
    the wall. See `coursekit.hardware.measure_seconds` for the order of the measurements.
    """
    step = training_step(model, loss, make_optimizer=make_optimizer)
    batches = {size: make_batch(size) for size in batch_sizes}
    options: dict[str, Any] = {"rounds": rounds, "turn_seconds": turn_seconds, "rng": rng}
    if device_of(model).type == "cuda":

        def step_and_wait(batch_size: int) -> None:
            step(batches[batch_size])
            torch.cuda.synchronize()

        return measure_seconds(step_and_wait, batch_sizes, clock=time.perf_counter, **options)
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return measure_seconds(lambda size: step(batches[size]), batch_sizes, **options)
    finally:
        torch.set_num_threads(num_threads)


def device_of(model: nn.Module) -> torch.device:
    """Return the device of the model's first parameter; the CPU for a model without any."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def tensors_in(batch: Any) -> Iterator[Tensor]:
    """Yield the tensors of a batch: of a tensor, and of sequences and mappings of such."""
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, Mapping):
        for part in batch.values():
            yield from tensors_in(part)
    elif isinstance(batch, Sequence) and not isinstance(batch, str):
        for part in batch:
            yield from tensors_in(part)
