"""How many bytes a training step needs: measured on few examples, predicted for many."""

from __future__ import annotations

import os

import torch

from ..hardware import MemoryModel, fit_memory_model
from ..pytorch.step_memory import step_memory
from .budget import Budget
from .records import Memory
from .steps import Steps, in_words

SAFE_PART = 0.5
"""Of the machine's memory: the most a measurement may need where no limit was given."""
MEMORY_PART = 0.5
"""Of what is allowed: the most that a batch may need whose memory is measured."""
SAME_SLOPE = 1.05
"""Two slopes within this factor are one slope."""
SHARE = 0.15
"""Of the budget, when it ends."""


def measure_memory(steps: Steps, *, limit_bytes: float | None, budget: Budget) -> Memory:
    """Measure 2, 4, 8, … examples until bytes grow on a straight line, and keep that line.

    The most that a step holds is reached at different moments for small and for large batches (in
    the update, in the loss, in the middle of the network), each with a line of its own: together
    they bend upwards. So the last points count, and `Memory.straight` says whether they agree.

    Counts tensors, as PyTorch's allocator saw them. Python and other libraries do not count.

    Raises
    ------
    BatchSizeError
        When not one example fits.
    """
    points: list[tuple[int, int]] = []
    size = 2
    while size <= steps.workload.num_examples:
        if len(points) >= 2:
            too_large = _line(points).bytes(size) > MEMORY_PART * ceiling(steps, limit_bytes)
            if too_large or _is_straight(points) or budget.until(SHARE) == 0:
                break
        points.append((size, bytes_of_step(steps, size)))
        size *= 2
    model = _line(points)
    largest = None if limit_bytes is None else model.largest_batch(limit_bytes)
    return Memory(model, tuple(points), _is_straight(points), limit_bytes, largest)


def bytes_of_step(steps: Steps, size: int) -> int:
    """The most bytes that PyTorch holds during a training step on ``size`` examples."""
    with in_words(size):
        return step_memory(
            steps.workload.model,
            lambda model, batch: steps.workload.loss(batch, model),
            steps.first(size),
            make_optimizer=lambda params: steps.workload.optimizer(params, 1e-9),
        ).total_bytes


def largest_safe(steps: Steps, memory: Memory) -> int:
    """The largest micro-batch that a measurement may try."""
    if memory.model.bytes_per_example <= 0:
        return max(size for size, _ in memory.points)
    return memory.model.largest_batch(ceiling(steps, memory.limit_bytes))


def ceiling(steps: Steps, limit_bytes: float | None) -> float:
    """Bytes that must not be passed while measuring: the limit, or half the machine's memory."""
    if steps.workload.device.type == "cuda":
        machine = float(torch.cuda.mem_get_info()[1])
    else:
        try:
            machine = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        except (AttributeError, ValueError, OSError):  # Windows does not say
            machine = 4e9
    safe = SAFE_PART * machine
    return safe if limit_bytes is None else min(limit_bytes, safe)


def _line(points: list[tuple[int, int]]) -> MemoryModel:
    sizes, found = zip(*points[-3:], strict=True)
    return fit_memory_model(sizes, found)


def _is_straight(points: list[tuple[int, int]]) -> bool:
    """Whether the last three points lie on a line, and examples are most of what they need."""
    if len(points) < 4:
        return False
    (a, at_a), (b, at_b), (c, at_c) = points[-3:]
    first, second = (at_b - at_a) / (b - a), (at_c - at_b) / (c - b)
    return at_c > 2 * points[0][1] and 0 < second < SAME_SLOPE * first
