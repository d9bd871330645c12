"""The orders of `coursekit.sampling` as a ``batch_sampler`` that can resume in mid-epoch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import Sampler

from ..sampling import Order, reshuffle
from ..sampling.array_loader import ArrayLoader


class OrderBatchSampler(Sampler[list[int]]):
    """Feed a `torch.utils.data.DataLoader` in any order, and resume where training stopped.

    ``DataLoader(dataset, batch_sampler=OrderBatchSampler(len(dataset), 32, rng=rng))`` visits the
    examples as ``coursekit.sampling.batches(len(dataset), 32, rng=rng)`` does, for any order:
    `reshuffle`, `length_buckets`, `weighted`.

    Parameters
    ----------
    num_examples, batch_size
        N and B, with 1 <= B <= N.
    order, drop_last, rng
        As in `coursekit.sampling.ArrayLoader`; ``rng`` is for this sampler alone.

    Attributes
    ----------
    batches_given
        Batches handed out in the present loop. With worker processes that is more than training
        has used: they ask for ``num_workers * prefetch_factor`` batches in advance.
    """

    def __init__(
        self,
        num_examples: int,
        batch_size: int,
        *,
        order: Order = reshuffle,
        drop_last: bool = False,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Check the arguments and start the order."""
        self._indices = ArrayLoader(
            np.arange(num_examples),
            batch_size=batch_size,
            order=order,
            drop_last=drop_last,
            rng=rng,
        )
        self.batches_given = 0
        self._start = 0
        self._resuming = False

    def __len__(self) -> int:
        """Batches in one epoch."""
        return len(self._indices)

    def __iter__(self) -> Iterator[list[int]]:
        """Start an epoch, or go on in the middle of one after `load_state_dict`.

        Nothing happens before the first batch is asked for: a DataLoader with worker processes
        calls this twice in its first epoch and uses only one of the two.
        """
        self._start = self._indices.state_dict()["position"] if self._resuming else 0
        self._resuming = False
        self.batches_given = 0
        for (batch,) in self._indices:
            self.batches_given += 1
            yield batch.tolist()

    def state_dict(self, *, batches_done: int) -> dict[str, Any]:
        """Where training stands after ``batches_done`` batches of the present loop.

        Only the training loop knows that number: worker processes ask this sampler for batches
        well before the loop gets them, so the sampler itself is always ahead. Between two loops it
        is the number of the one that ended, not 0, which would hand out that epoch again.
        """
        state = self._indices.state_dict()
        position = self._start + batches_done * self._indices.batch_size
        return {**state, "position": min(position, self._indices.num_examples)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next loop hand out the rest of the epoch that ``state`` was taken in.

        Time and errors are those of `coursekit.sampling.ArrayLoader.load_state_dict`.
        """
        self._indices.load_state_dict(state)
        self._start = self._indices.state_dict()["position"]
        self._resuming = True
