"""Batches of tensors that are already in memory, as `torch.utils.data.DataLoader` would give them.

`coursekit.sampling.ArrayLoader` is the same idea for NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from ..errors import CourseError, ShapeError
from ..sampling import num_steps

BLOCK_BYTES = 2**20
"""Rows are gathered in blocks of about this size, which fit the cache of one core."""


class TensorLoader(IterableDataset[tuple[Tensor, ...]]):
    """What ``DataLoader(TensorDataset(*tensors), …)`` yields, many times faster, and resumable.

    Same length, same batches, same order: with an equally seeded ``generator`` it hands out what
    a `DataLoader` hands out, epoch after epoch, so that exchanging one for the other leaves a
    training run as it was. Each batch is memory of its own: nothing is overwritten later.

    Where a real `DataLoader` is asked for (by a training framework, or for ``pin_memory``), wrap
    it: ``DataLoader(TensorLoader(x, y, batch_size=256), batch_size=None)``.

    It is fast because it gathers many batches with one call and hands out slices of the result.

    >>> import torch
    >>> loader = TensorLoader(torch.arange(5.0), torch.arange(5) % 2, batch_size=2)
    >>> [y.tolist() for x, y in loader]
    [[0, 1], [0, 1], [0]]

    Parameters
    ----------
    tensors
        One or more tensors of equal length N; the first axis counts the examples.
    batch_size
        B, with 1 <= B <= N.
    shuffle
        A new permutation each epoch.
    drop_last
        Leave out a last batch shorter than B.
    generator
        Source of random numbers, for this loader alone: `load_state_dict` sets it back. Without
        it, ``shuffle`` makes one and seeds it from PyTorch's global generator, once.

    Raises
    ------
    ShapeError
        When there is no tensor, or their lengths differ.
    BatchSizeError
        When the batch size is below 1 or above the number of examples.
    """

    def __init__(
        self,
        *tensors: Tensor,
        batch_size: int,
        shuffle: bool = False,
        drop_last: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        """Check the arguments; rows are gathered by the loop."""
        lengths = [len(tensor) for tensor in tensors]
        if len(set(lengths)) != 1:
            raise ShapeError(f"tensors of lengths {lengths}; give one or more, all equally long.")
        self.tensors = tensors
        self.num_examples = lengths[0]
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self._steps = num_steps(self.num_examples, batch_size, drop_last=drop_last)
        self._generator = generator or torch.Generator().manual_seed(
            _random_seed() if shuffle else 0
        )
        self._before_epoch = self._generator.get_state()
        self._position = 0
        self._resuming = False

    def __len__(self) -> int:
        """Batches in one epoch: ⌈N/B⌉, or ⌊N/B⌋ with ``drop_last``."""
        return self._steps

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """Start an epoch, or go on in the middle of one after `load_state_dict`.

        Raises
        ------
        CourseError
            In a worker process: each worker would hand out all of the data.
        """
        if get_worker_info() is not None:
            raise CourseError(
                "TensorLoader runs in a worker process; use num_workers=0: data in memory needs no "
                "workers, and each of them would hand out every example."
            )
        start = self._position if self._resuming else 0
        self._resuming = False
        self._before_epoch = self._generator.get_state()
        self._position = start
        yield from self._epoch(start)

    def _epoch(self, start: int) -> Iterator[tuple[Tensor, ...]]:
        _random_seed(self._generator)  # DataLoader draws one for its workers
        order = self._order()
        for rows in torch.split(order[start : self._end(start)], self._rows_per_block()):
            gathered = [tensor.index_select(0, rows) for tensor in self.tensors]
            for batch in zip(*(torch.split(g, self.batch_size) for g in gathered), strict=True):
                self._position += len(batch[0])
                yield batch
        self._skip_order()

    def _order(self) -> Tensor:
        if self.shuffle:
            return torch.randperm(self.num_examples, generator=self._generator)
        return torch.arange(self.num_examples)

    def _skip_order(self) -> None:
        """Move the generator on as far as a permutation does, in less time.

        At the end of an epoch `torch.utils.data.RandomSampler` draws one that nobody sees.
        """
        if self.shuffle:
            torch.empty(self.num_examples - 1, dtype=torch.uint8).random_(generator=self._generator)

    def _end(self, start: int) -> int:
        left_over = (self.num_examples - start) % self.batch_size if self.drop_last else 0
        return self.num_examples - left_over

    def _rows_per_block(self) -> int:
        bytes_per_example = sum(tensor[:1].nbytes for tensor in self.tensors)
        return self.batch_size * max(1, BLOCK_BYTES // max(1, bytes_per_example * self.batch_size))

    def state_dict(self) -> dict[str, Any]:
        """Where the loader stands: after the last batch that was handed out.

        The position counts examples, so a run may be resumed with another batch size. Save it
        with ``torch.save`` beside the model and the optimizer.
        """
        return {
            "num_examples": self.num_examples,
            "position": self._position,
            "before_epoch": self._before_epoch.clone(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where ``state`` was taken; the next loop hands out the rest of that epoch.

        Where nothing of that epoch is left, the next loop is the next epoch.

        Raises
        ------
        CourseError
            When the state was taken from a loader with another number of examples.
        """
        if state["num_examples"] != self.num_examples:
            raise CourseError(
                f"the state is that of {state['num_examples']} examples, this loader has "
                f"{self.num_examples}; build it from the same data before loading the state."
            )
        self._generator.set_state(state["before_epoch"])
        self._before_epoch = self._generator.get_state()
        self._position = state["position"]
        self._resuming = self._position < self._end(self._position)
        if not self._resuming:
            for _ in self._epoch(self._position):
                pass  # that epoch is over; only its random numbers are drawn
            self._before_epoch = self._generator.get_state()
            self._position = 0


def _random_seed(generator: torch.Generator | None = None) -> int:
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator))
