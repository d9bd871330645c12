"""Training steps on the reader's model, from where it starts, with its failures put into words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import CourseError
from ..sampling import reshuffle
from .workload import Workload, said

Batch = tuple[Tensor, Tensor]

JUDGED = 512
"""Examples, always the same, by which it is judged whether a target is reached; all if fewer."""
NO_MEMORY = "out of memory|can't allocate memory"
"""What the allocators of PyTorch say, on a GPU and on the CPU."""


class Steps:
    """Takes training steps and can always go back to the parameters it began with.

    The order of the examples and every random number follow ``seed``, the same in every trial.

    Attributes
    ----------
    workload
        What is trained.
    largest
        Micro-batch above which a batch is passed in parts; None while that is not known.
    """

    def __init__(self, workload: Workload, *, seed: int) -> None:
        """Remember the parameters and buffers."""
        self.workload = workload
        self.seed = seed
        self.largest: int | None = None
        self._start = {
            name: value.detach().clone() for name, value in workload.model.state_dict().items()
        }

    def restart(self) -> None:
        """Put the parameters and buffers back, drop gradients, seed torch again."""
        self.workload.model.load_state_dict(self._start)
        self.workload.model.zero_grad(set_to_none=True)
        torch.manual_seed(self.seed)

    def optimizer(self, learning_rate: float = 1e-9) -> torch.optim.Optimizer:
        """A new optimizer; unless told, with a rate too small to change anything."""
        trained = [p for p in self.workload.model.parameters() if p.requires_grad]
        try:
            return self.workload.optimizer(trained, learning_rate)
        except Exception as error:
            raise CourseError(
                f"the optimizer cannot be made ({said(error)}); it is called with the parameters "
                "and a learning rate, as the classes of torch.optim are."
            ) from error

    def first(self, size: int) -> Batch:
        """A batch of ``size`` examples, always the same ones."""
        chosen = np.random.default_rng(self.seed).permutation(self.workload.num_examples)[:size]
        return self.fetch(chosen.astype(np.int64))

    def batches(self, size: int, *, order: int = 0) -> Iterator[Batch]:
        """Batches without end, reshuffled every epoch, a short last one dropped.

        ``order`` chooses one of many sequences of the examples.
        """
        count = self.workload.num_examples
        size = min(size, count)  # a batch that is decided is rounded up where it is split
        for epoch in reshuffle(count, rng=np.random.default_rng([self.seed, order])):
            for start in range(0, count - size + 1, size):
                yield self.fetch(epoch[start : start + size])

    def fetch(self, indices: NDArray[np.int64]) -> Batch:
        """The examples with these numbers.

        Raises
        ------
        CourseError
            When the data set cannot give them.
        """
        try:
            return self.workload.batch(indices)
        except Exception as error:
            raise CourseError(
                f"the data set failed on {len(indices)} examples ({said(error)}); its items must "
                "be pairs (input, target) of tensors or numbers, all of one shape."
            ) from error

    def take(self, optimizer: torch.optim.Optimizer, batch: Batch) -> Tensor:
        """One forward pass, one backward pass, one update; returns the mean loss before it."""
        optimizer.zero_grad()
        loss = self.gradient(batch)
        optimizer.step()
        return loss

    def judge(self) -> float:
        """Mean loss of `JUDGED` examples, or of all, at the parameters of this moment."""
        inputs, targets = self.first(min(JUDGED, self.workload.num_examples))
        most = self.largest or len(inputs)
        with in_words(min(most, len(inputs))), torch.no_grad():
            parts = zip(torch.split(inputs, most), torch.split(targets, most), strict=True)
            return sum(float(self.workload.loss(p)) * len(p[0]) for p in parts) / len(inputs)

    def gradient(self, batch: Batch) -> Tensor:
        """Add the gradient of the mean loss of ``batch`` to ``.grad``; returns that loss."""
        size = len(batch[0])
        total = torch.zeros(())
        with in_words(size):
            parts = (torch.split(tensor, self.largest or size) for tensor in batch)
            for inputs, targets in zip(*parts, strict=True):
                loss = self.workload.loss((inputs, targets)) * (len(inputs) / size)
                loss.backward()  # type: ignore[no-untyped-call]
                total = total + loss.detach().cpu()
        return total

    def probe(self) -> None:
        """Take a step on two examples, so that what is wrong shows at once.

        Raises
        ------
        CourseError
            When the model fails, or the loss of the untrained model is not a number.
        """
        check_finite(float(self.take(self.optimizer(), self.first(2))), 2)
        self.restart()


def check_finite(loss: float, size: int) -> None:
    """Raise CourseError where the untrained model has no loss."""
    if not math.isfinite(loss):
        raise CourseError(
            f"the loss of the untrained model on {size} examples is {loss}; look for a logarithm "
            "or a division at zero, or inputs that are not finite."
        )


@contextmanager
def in_words(size: int) -> Iterator[None]:
    """Turn what the reader's model or the machine throws into a `CourseError`."""
    try:
        yield
    except CourseError:
        raise
    except Exception as error:
        if isinstance(error, MemoryError) or re.search(NO_MEMORY, str(error)):
            raise CourseError(
                f"the machine ran out of memory at a micro-batch of {size}; other programs use it "
                "too, or the limit you gave is more than there is. Give a smaller one, close "
                "something, or make the model smaller."
            ) from error
        raise CourseError(
            f"the model or its loss failed on a batch of {size} examples ({said(error)}); it must "
            "take loss_fn(model(inputs), targets) with the examples as first dimension."
        ) from error
