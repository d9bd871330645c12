"""`torch.utils.data.DataLoader` rebuilt to be read: one process, every step in sight.

Equal to the original batch for batch, epoch after epoch, for every combination of ``shuffle``,
``drop_last``, ``sampler``, ``batch_sampler``, ``collate_fn`` and ``generator``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import torch
from torch.utils.data import Dataset, default_collate


def in_order(num_examples: int) -> Iterator[int]:
    """0, 1, … N - 1."""
    return iter(range(num_examples))


def shuffled(num_examples: int, generator: torch.Generator) -> Iterator[int]:
    """A random permutation of 0 … N - 1."""
    yield from torch.randperm(num_examples, generator=generator).tolist()
    torch.randperm(num_examples, generator=generator)  # drawn by DataLoader as well, never used


def grouped(indices: Iterable[int], batch_size: int, drop_last: bool) -> Iterator[list[int]]:
    """Cut a stream of indices into lists of ``batch_size``."""
    stream = iter(indices)
    while batch := list(islice(stream, batch_size)):
        if len(batch) == batch_size or not drop_last:
            yield batch


class RebuiltLoader:
    """Choose indices, group them, fetch the examples, collate them: a data loader in one process.

    The parameters mean what they mean in `torch.utils.data.DataLoader`.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        batch_size: int = 1,
        *,
        shuffle: bool = False,
        sampler: Iterable[int] | None = None,
        batch_sampler: Iterable[list[int]] | None = None,
        drop_last: bool = False,
        collate_fn: Callable[[list[Any]], Any] = default_collate,
        generator: torch.Generator | None = None,
    ) -> None:
        """Keep the parameters; everything happens in the loop."""
        self.dataset, self.batch_size = dataset, batch_size
        self.shuffle, self.sampler, self.batch_sampler = shuffle, sampler, batch_sampler
        self.drop_last, self.collate_fn, self.generator = drop_last, collate_fn, generator

    def __iter__(self) -> Iterator[Any]:
        """One epoch: each batch of indices becomes a list of examples becomes one batch."""
        draw_seed(self.generator)  # the seed that worker processes would get
        for indices in self.batches_of_indices():
            yield self.collate_fn([self.dataset[index] for index in indices])

    def __len__(self) -> int:
        """Batches in one epoch."""
        if self.batch_sampler is not None:
            return len(self.batch_sampler)  # type: ignore[arg-type]
        count = len(self.dataset if self.sampler is None else self.sampler)  # type: ignore[arg-type]
        return count // self.batch_size if self.drop_last else -(-count // self.batch_size)

    def batches_of_indices(self) -> Iterable[list[int]]:
        """Who comes next: ``batch_sampler`` decides all of it, ``sampler`` only the order."""
        if self.batch_sampler is not None:
            return self.batch_sampler
        num_examples = len(self.dataset)  # type: ignore[arg-type]
        if self.sampler is not None:
            order: Iterable[int] = self.sampler
        elif self.shuffle:
            generator = self.generator or torch.Generator().manual_seed(draw_seed(None))
            order = shuffled(num_examples, generator)
        else:
            order = in_order(num_examples)
        return grouped(order, self.batch_size, self.drop_last)


def draw_seed(generator: torch.Generator | None) -> int:
    """A random 64-bit seed; from PyTorch's global generator where ``generator`` is None."""
    return int(torch.empty((), dtype=torch.int64).random_(generator=generator))
