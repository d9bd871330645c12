"""How fast can data that is already in memory be cut into shuffled batches?

    python benchmarks/loaders.py             # prints the table
    python benchmarks/loaders.py --write     # and stores it in benchmarks/results/loaders.md

One process, one thread, CPU seconds for a whole epoch of 1,000,000 examples with 20 float32
features and a target. Every way runs once a round, in random order; the speed-up is the median
over rounds of (time of the default path / time of this way), taken within the same round.
Ways of torchdata are left out, with a word, where torchdata is not installed.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import gc
import platform
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, TensorDataset

from coursekit.pytorch.loaders import TensorLoader
from coursekit.sampling import ArrayLoader

try:
    import torchdata
    from torchdata import nodes
    from torchdata.stateful_dataloader import StatefulDataLoader
except ImportError:
    torchdata = None

NUM_EXAMPLES, NUM_FEATURES, ROUNDS = 1_000_000, 20, 7
BASELINE = "DataLoader, default collate"
RESULTS = Path(__file__).parent / "results" / "loaders.md"

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
    buffers = np.empty_like(x), np.empty_like(y)
    pairs, rows = TensorDataset(*tensors), Rows(*tensors)
    starts = range(0, NUM_EXAMPLES, batch_size)

    def gather_each_batch() -> Iterator[tuple]:
        order = rng.permutation(NUM_EXAMPLES)
        for start in starts:
            batch = order[start : start + batch_size]
            yield x[batch], y[batch]

    def shuffle_then_slice(*targets: np.ndarray) -> Iterator[tuple]:
        order = rng.permutation(NUM_EXAMPLES)
        if targets:
            for source, target in zip((x, y), targets, strict=True):
                np.take(source, order, axis=0, out=target, mode="clip")
        shuffled = targets or (x[order], y[order])
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
        "by hand, NumPy: x[batch]": gather_each_batch,
        "by hand, NumPy: shuffle, slice, new arrays": shuffle_then_slice,
        "by hand, NumPy: shuffle, slice, reused buffer": lambda: shuffle_then_slice(*buffers),
        "by hand, NumPy: slices, not shuffled": in_order_slices,
    }
    if torchdata is not None:
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


def cpu_seconds(way: Callable[[], Iterable[tuple]]) -> float:
    start = time.process_time()
    seen = sum(len(batch[1]) for batch in way())
    taken = time.process_time() - start
    if seen != NUM_EXAMPLES:
        raise SystemExit(f"a way handed out {seen} examples of {NUM_EXAMPLES}")
    return taken


def measure(chosen: Ways, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each way in each round; the order of the ways is random in every round."""
    times: dict[str, list[float]] = {name: [] for name in chosen}
    shuffler = random.Random(0)
    names = list(chosen)
    for _ in range(rounds + 1):  # the first round warms up
        for name in shuffler.sample(names, len(names)):
            gc.collect()
            times[name].append(cpu_seconds(chosen[name]))
    return {name: taken[1:] for name, taken in times.items()}


def report(batch_size: int, rounds: int) -> str:
    times = measure(ways(batch_size), rounds)
    lines = [
        f"## Batch size {batch_size}",
        "",
        "| way | million examples per CPU second | speed-up | lowest to highest |",
        "| :-- | --: | --: | --: |",
    ]
    ratios = {
        name: [base / own for base, own in zip(times[BASELINE], taken, strict=True)]
        for name, taken in times.items()
    }
    for name in sorted(times, key=lambda name: statistics.median(ratios[name])):
        rate = NUM_EXAMPLES / statistics.median(times[name]) / 1e6
        speed_ups = ratios[name]
        lines.append(
            f"| {name} | {rate:.2f} | {statistics.median(speed_ups):.1f} | "
            f"{min(speed_ups):.1f} to {max(speed_ups):.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare ways to batch data in memory.")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[256, 32])
    parser.add_argument("--write", action="store_true", help=f"store the table in {RESULTS.name}")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if torchdata is None:
        print("torchdata is not installed: its ways are left out", file=sys.stderr)
    versions = f"Python {platform.python_version()}, NumPy {np.__version__}, "
    versions += f"PyTorch {torch.__version__}"
    versions += f", torchdata {torchdata.__version__}" if torchdata is not None else ""
    text = "\n\n".join(
        [
            "# Batches of data in memory",
            f"{NUM_EXAMPLES:,} examples, {NUM_FEATURES} float32 features and a target, shuffled. "
            f"One thread, CPU time of a whole epoch, {arguments.rounds} interleaved rounds. "
            f"Made by `python benchmarks/loaders.py --write`.",
            f"{versions}; {platform.system()} {platform.machine()}.",
            *(report(batch_size, arguments.rounds) for batch_size in arguments.batch_sizes),
        ]
    )
    print(text)
    if arguments.write:
        RESULTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
