"""How fast can data that is already in memory be cut into shuffled batches?

    python benchmarks/loaders.py

CPU time of a whole epoch of 1,000,000 examples with 20 float32 features and a target. Without
torchdata (see requirements.txt) its ways are left out and the report says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator

from interleave import interleave, ratios, spread, table, write_report

# The import above limits NumPy and PyTorch to one thread, so it comes first.
# isort: split

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, TensorDataset

from coursekit.pytorch.loaders import TensorLoader
from coursekit.sampling import ArrayLoader

try:
    from torchdata import nodes
    from torchdata.stateful_dataloader import StatefulDataLoader
except ImportError:
    nodes = None

NUM_EXAMPLES, NUM_FEATURES, ROUNDS = 1_000_000, 20, 5
BASELINE = "DataLoader, default collate"

Ways = dict[str, Callable[[], Iterable[tuple]]]


class Rows(Dataset):
    """Answers a whole batch of indices at once, by the fastest call for each kind of indices."""

    def __init__(self, *tensors: torch.Tensor) -> None:
        """Keep the tensors, all of equal length."""
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, rows: torch.Tensor | list[int]) -> tuple[torch.Tensor, ...]:
        if isinstance(rows, torch.Tensor):
            return tuple(tensor.index_select(0, rows) for tensor in self.tensors)
        return tuple(tensor[rows] for tensor in self.tensors)


class TensorBatches:
    """Hands out each batch of indices as a tensor."""

    def __init__(self, num_examples: int, batch_size: int) -> None:
        """N and B."""
        self.num_examples, self.batch_size = num_examples, batch_size

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(torch.randperm(self.num_examples).split(self.batch_size))

    def __len__(self) -> int:
        return -(-self.num_examples // self.batch_size)


def ways(batch_size: int) -> Ways:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(NUM_EXAMPLES, NUM_FEATURES)).astype(np.float32)
    y = rng.normal(size=NUM_EXAMPLES).astype(np.float32)
    tensors = torch.from_numpy(x), torch.from_numpy(y)
    buffers = {array.ndim: np.empty_like(array) for array in (x, y)}
    pairs, rows = TensorDataset(*tensors), Rows(*tensors)
    starts = range(0, NUM_EXAMPLES, batch_size)

    def index(array: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return array[chosen]

    def take(array: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return array.take(chosen, axis=0)

    def take_into_buffer(array: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        return array.take(chosen, axis=0, out=buffers[array.ndim], mode="clip")

    def gather_each_batch(rows_of: Callable) -> Iterator[tuple]:
        order = rng.permutation(NUM_EXAMPLES)
        for start in starts:
            batch = order[start : start + batch_size]
            yield rows_of(x, batch), rows_of(y, batch)

    def shuffle_then_slice(rows_of: Callable) -> Iterator[tuple]:
        order = rng.permutation(NUM_EXAMPLES)
        shuffled = rows_of(x, order), rows_of(y, order)
        for start in starts:
            yield tuple(part[start : start + batch_size] for part in shuffled)

    def index_each_batch() -> Iterator[tuple]:
        for batch in torch.randperm(NUM_EXAMPLES).split(batch_size):
            yield tuple(tensor[batch] for tensor in tensors)

    def select_each_batch() -> Iterator[tuple]:
        for batch in torch.randperm(NUM_EXAMPLES).split(batch_size):
            yield rows[batch]

    def in_order_slices() -> Iterator[tuple]:
        for start in starts:
            yield x[start : start + batch_size], y[start : start + batch_size]

    found: Ways = {
        BASELINE: lambda: DataLoader(pairs, batch_size=batch_size, shuffle=True),
        "DataLoader, sampler=BatchSampler": lambda: DataLoader(
            rows, batch_size=None, sampler=BatchSampler(RandomSampler(rows), batch_size, False)
        ),
        "DataLoader, sampler=tensor batches": lambda: DataLoader(
            rows, batch_size=None, sampler=TensorBatches(NUM_EXAMPLES, batch_size)
        ),
        "coursekit TensorLoader in a DataLoader": lambda: DataLoader(
            TensorLoader(*tensors, batch_size=batch_size, shuffle=True), batch_size=None
        ),
        "coursekit TensorLoader": lambda: TensorLoader(
            *tensors, batch_size=batch_size, shuffle=True
        ),
        "coursekit ArrayLoader (NumPy)": lambda: ArrayLoader(x, y, batch_size=batch_size, rng=rng),
        "by hand, torch: x[batch]": index_each_batch,
        "by hand, torch: x.index_select": select_each_batch,
        "by hand, NumPy: x[batch]": lambda: gather_each_batch(index),
        "by hand, NumPy: x.take(batch)": lambda: gather_each_batch(take),
        "by hand, NumPy: x[order], slice": lambda: shuffle_then_slice(index),
        "by hand, NumPy: x.take(order), slice": lambda: shuffle_then_slice(take),
        "by hand, NumPy: the same, reused buffer": lambda: shuffle_then_slice(take_into_buffer),
        "by hand, NumPy: slices, not shuffled": in_order_slices,
    }
    if nodes is not None:
        found |= {
            "torchdata StatefulDataLoader, default": lambda: StatefulDataLoader(
                pairs, batch_size=batch_size, shuffle=True
            ),
            "torchdata StatefulDataLoader, tensor batches": lambda: StatefulDataLoader(
                rows, batch_size=None, sampler=TensorBatches(NUM_EXAMPLES, batch_size)
            ),
            "torchdata.nodes, tensor batches": lambda: nodes.Loader(
                nodes.Mapper(
                    nodes.IterableWrapper(TensorBatches(NUM_EXAMPLES, batch_size)),
                    rows.__getitem__,
                )
            ),
        }
    return found


def epoch_of(way: Callable[[], Iterable[tuple]]) -> Callable[[], None]:
    def run() -> None:
        seen = sum(len(batch[1]) for batch in way())
        if seen != NUM_EXAMPLES:
            raise SystemExit(f"a way handed out {seen} examples of {NUM_EXAMPLES}")

    return run


def report(batch_size: int) -> str:
    variants = {name: epoch_of(way) for name, way in ways(batch_size).items()}
    times = interleave(variants, rounds=ROUNDS, warm_up=1)
    speed_ups = {name: ratios(times, BASELINE, name) for name in times}
    rows = [
        [
            name,
            f"{NUM_EXAMPLES / statistics.median(times[name]) / 1e6:.2f}",
            spread(speed_ups[name], 1),
        ]
        for name in sorted(times, key=lambda name: speed_ups[name])
    ]
    headers = ["way", "million examples per CPU second", "times as fast as the default"]
    return f"## Batches of {batch_size}\n\n{table(headers, rows)}"


def main() -> None:
    torch.set_num_threads(1)
    about = (
        f"{NUM_EXAMPLES:,} examples, {NUM_FEATURES} float32 features and a target, shuffled; a "
        "whole epoch each time."
    )
    parts = [about, *(report(batch_size) for batch_size in (256, 32))]
    write_report("loaders", "Batches of data in memory", ["numpy", "torch", "torchdata"], parts)


if __name__ == "__main__":
    main()
