"""A data set that can only be read in sequence, shared out among worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

Shard = TypeVar("Shard")
Example = TypeVar("Example")


class ShardedStream(IterableDataset[Example]):
    """Read shards (files) one after the other; each worker process reads shards of its own.

    Worker w of W takes shards w, w + W, w + 2W, … of the order of the epoch, so that together
    they read every shard once. With more workers than shards, some have nothing to do.

    Parameters
    ----------
    shards
        What ``read`` takes, one for each shard: paths, names, numbers.
    read
        Opens a shard and yields its examples.
    seed
        Shuffles the shards anew each epoch, the same way in every worker; None keeps their order.
    """

    def __init__(
        self,
        shards: Sequence[Shard],
        read: Callable[[Shard], Iterable[Example]],
        *,
        seed: int | None = None,
    ) -> None:
        """Keep the parameters; shards are opened by the loop."""
        self.shards = shards
        self.read = read
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffle. Call it before each epoch, while no worker process is alive.

        Workers hold a copy of this object from when they started: with
        ``persistent_workers=True`` they never see a later call.
        """
        self.epoch = epoch

    def __iter__(self) -> Iterator[Example]:
        """Yield this worker's examples."""
        info = get_worker_info()
        worker, num_workers = (0, 1) if info is None else (info.id, info.num_workers)
        for shard in self._order()[worker::num_workers]:
            yield from self.read(self.shards[shard])

    def _order(self) -> list[int]:
        if self.seed is None:
            return list(range(len(self.shards)))
        rng = np.random.default_rng([self.seed, self.epoch])
        return [int(shard) for shard in rng.permutation(len(self.shards))]
