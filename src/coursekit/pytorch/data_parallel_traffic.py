"""What travels between ranks: the bytes DistributedDataParallel sends, and a ring to send them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.nn.parallel import DistributedDataParallel

from ..training.ring import chunks_of, ring_steps


@dataclass
class Traffic:
    """All-reduces so far, and the bytes of the vectors that went in."""

    num_all_reduces: int = 0
    num_bytes: int = 0


def count_traffic(model: DistributedDataParallel) -> Traffic:
    """Return a record that counts every all-reduce of gradients from now on.

    It is registered as the model's communication hook, of which there can be one. The gradients
    are averaged as before. A bucket of gradients is one all-reduce; a small model has one bucket.
    """
    traffic = Traffic()

    def hook(group, bucket):  # type: ignore[no-untyped-def]  # the library checks annotations
        traffic.num_all_reduces += 1
        traffic.num_bytes += bucket.buffer().nbytes
        return allreduce_hook(group, bucket)

    model.register_comm_hook(None, hook)
    return traffic


def ring_all_reduce(vector: Tensor) -> int:
    """Add up ``vector``, shape ``(n,)``, over all ranks, in place; return the bytes this rank sent.

    The ring of `coursekit.training.ring`, between real processes: 2(K − 1) messages to the rank
    after this one. A study of `torch.distributed.all_reduce`, not a replacement.
    """
    rank, world_size = dist.get_rank(), dist.get_world_size()
    chunks = chunks_of(len(vector), world_size)
    before, after = (rank - 1) % world_size, (rank + 1) % world_size
    num_bytes = 0
    for step in ring_steps(world_size):
        outgoing = vector[chunks[step.chunk_of[rank]]].clone()
        chunk = vector[chunks[step.chunk_of[before]]]  # a view: writing to it writes to the vector
        incoming = torch.empty_like(chunk)
        sending = dist.isend(outgoing, after)
        dist.recv(incoming, before)
        chunk.copy_(incoming + chunk if step.reduces else incoming)
        if sending is not None:
            sending.wait()
        num_bytes += outgoing.nbytes
    return num_bytes
