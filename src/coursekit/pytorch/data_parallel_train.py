"""A training script for any number of processes and machines, started by torchrun.

    python -m torch.distributed.run --nproc-per-node=2 -m coursekit.pytorch.data_parallel_train \
        --steps 200 --checkpoint run.pt

The same file runs unchanged on one process, on several, and on several machines. Its result does
not depend on how many there are (to the rounding of float64), because the *global* batch of each
step is fixed by the seed and the step, and dealt out to whoever is there. After a crash it resumes
from the checkpoint, so nothing is lost but the steps since then, and these are repeated exactly.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.elastic.multiprocessing.errors import record
from torch.nn.parallel import DistributedDataParallel

from ..data import linear_regression
from ..errors import CourseError
from ..sampling.shards import shard
from .data_parallel import data_parallel_step


def arguments(line: list[str] | None = None) -> argparse.Namespace:
    """What can be set from the command line."""
    parser = argparse.ArgumentParser(description="Train a small network, data-parallel.")
    add = parser.add_argument
    add("--steps", type=int, default=200, help="updates in all, those before a crash included")
    add("--global-batch-size", type=int, default=60, help="examples per update, over all ranks")
    add("--micro-batch-size", type=int, default=20, help="examples per forward and backward pass")
    add("--learning-rate", type=float, default=0.05)
    add("--seed", type=int, default=0)
    add("--checkpoint", type=Path, default=None, help="a file that all machines can reach")
    add("--checkpoint-every", type=int, default=10, metavar="STEPS")
    add("--history", type=Path, default=None, help="append one line of JSON for each step (rank 0)")
    add("--pause", type=float, default=0.0, help="seconds to wait in each step, to watch a crash")
    return parser.parse_args(line)


@record
def main(line: list[str] | None = None) -> None:
    """Join the group, train, and leave it in good order."""
    options = arguments(line)
    cuda = torch.cuda.is_available()
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        train(options, device)
        gc.collect()  # the model must be gone, and everybody here, before the group may go
        dist.barrier()
    finally:
        dist.destroy_process_group()


def train(options: argparse.Namespace, device: torch.device) -> None:
    """Train from the last checkpoint, if there is one, up to ``options.steps``."""
    rank, world_size = dist.get_rank(), dist.get_world_size()
    data = linear_regression(
        num_examples=2000, num_features=8, noise=0.1, rng=np.random.default_rng(options.seed)
    )
    features, targets = torch.tensor(data.features), torch.tensor(data.targets)
    torch.manual_seed(options.seed)
    network = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1)).double().to(device)
    model = DistributedDataParallel(network)
    optimizer = torch.optim.SGD(model.parameters(), lr=options.learning_rate, momentum=0.9)
    first = resume(options, network, optimizer)

    def loss_sum(model: nn.Module, examples: Tensor) -> tuple[Tensor, int]:
        predictions = model(features[examples].to(device)).squeeze(1)
        return (predictions - targets[examples].to(device)).square().sum(), len(examples)

    for step in range(first, options.steps):
        batch = global_batch(step, len(targets), options.global_batch_size, options.seed)
        own = torch.from_numpy(shard(batch, rank, world_size, uneven="keep"))
        micro_batches = torch.split(own, options.micro_batch_size)  # of an empty one: one, empty
        done = data_parallel_step(model, loss_sum, micro_batches, optimizer)
        if rank == 0:
            if (step + 1) % options.checkpoint_every == 0 or step + 1 == options.steps:
                save(options, network, optimizer, step + 1)
            if options.history:
                said = {"step": step, "loss": done.loss, "ranks": world_size, "resumed_at": first}
                with options.history.open("a") as history:
                    history.write(json.dumps(said) + "\n")
        time.sleep(options.pause)
    if rank == 0:
        print(f"{options.steps} steps done, the last {options.steps - first} by {world_size} ranks")


def global_batch(step: int, num_examples: int, batch_size: int, seed: int) -> np.ndarray[Any, Any]:
    """The examples of one step, over all ranks: reshuffled each epoch, a last short one dropped.

    A function of the step alone: whoever resumes at a step gets the batch that belongs to it.
    """
    epoch, place = divmod(step, num_examples // batch_size)
    order = np.random.default_rng([seed, epoch]).permutation(num_examples)
    return order[place * batch_size : (place + 1) * batch_size]


def save(
    options: argparse.Namespace, network: nn.Module, optimizer: torch.optim.Optimizer, step: int
) -> None:
    """Write a checkpoint so that at every moment one whole checkpoint is there."""
    if options.checkpoint is None:
        return
    state = {"step": step, "run": identity(options), "network": network.state_dict()}
    part = options.checkpoint.with_suffix(".part")
    torch.save(state | {"optimizer": optimizer.state_dict()}, part)
    os.replace(part, options.checkpoint)


def resume(
    options: argparse.Namespace, network: nn.Module, optimizer: torch.optim.Optimizer
) -> int:
    """Load the checkpoint on every rank and return the step to go on with."""
    if options.checkpoint is None or not options.checkpoint.exists():
        return 0
    state = torch.load(options.checkpoint, map_location="cpu", weights_only=True)
    if state["run"] != identity(options):
        raise CourseError(
            f"{options.checkpoint} belongs to a run with {state['run']}, this is one with "
            f"{identity(options)}; use another --checkpoint."
        )
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def identity(options: argparse.Namespace) -> dict[str, float]:
    """What must be the same for a run to be continued."""
    names = ("global_batch_size", "learning_rate", "seed")
    return {name: getattr(options, name) for name in names}


if __name__ == "__main__":
    main()
