"""Bytes of a training step: what is there anyway, what is kept for backward, and the peak."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .accumulation_memory import KeptForBackward
from .peak_memory import peak_bytes
from .throughput import Loss, MakeOptimizer, device_of, still_sgd, tensors_in


@dataclass(frozen=True)
class StepMemory:
    """Where the bytes of one training step are.

    Attributes
    ----------
    state_bytes
        Parameters, buffers and the optimizer's states: there before the step and after it.
    batch_bytes
        The batch itself.
    kept_bytes
        Activations: what the forward pass keeps for the backward pass, without parameters and
        batch. Part of the peak.
    peak_bytes
        The most that the step allocates beyond state and batch at any moment: activations,
        gradients, and what is needed for a moment while they are computed.
    """

    state_bytes: int
    batch_bytes: int
    kept_bytes: int
    peak_bytes: int

    @property
    def total_bytes(self) -> int:
        """The most memory that is in use: state, batch and peak together."""
        return self.state_bytes + self.batch_bytes + self.peak_bytes


def step_memory(
    model: nn.Module, loss: Loss, batch: Any, *, make_optimizer: MakeOptimizer = still_sgd
) -> StepMemory:
    """Run training steps on a copy of ``model`` and report where their bytes are.

    The peak is what PyTorch's allocator reports: from its statistics on a GPU, from the profiler's
    record of allocations on the CPU. Bytes that the process needs besides, for Python, libraries
    and a CUDA context, are not counted. ``loss(model, batch)`` is the mean loss.
    """
    model = copy.deepcopy(model).train()
    optimizer = make_optimizer(model.parameters())

    def step() -> None:
        loss(model, batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()

    step()  # now the optimizer's states exist
    there_anyway = [*model.parameters(), *model.buffers(), *tensors_in(batch)]
    with KeptForBackward(there_anyway) as kept:
        value = loss(model, batch)
    kept_bytes = kept.now
    del value
    states = [each for state in optimizer.state.values() for each in tensors_in(state)]
    on_gpu = device_of(model).type == "cuda"
    return StepMemory(
        state_bytes=_bytes([*model.parameters(), *model.buffers(), *states]),
        batch_bytes=_bytes(tensors_in(batch)),
        kept_bytes=kept_bytes,
        peak_bytes=_peak_on_gpu(step) if on_gpu else peak_bytes(step),
    )


def _peak_on_gpu(step: Any) -> int:
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    step()
    torch.cuda.synchronize()
    return int(torch.cuda.max_memory_allocated() - before)


def _bytes(tensors: Iterable[Tensor]) -> int:
    """Bytes of the tensors' storages; memory that several share counts once."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())
