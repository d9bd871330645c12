"""One optimizer step from many micro-batches, equal to one step on the large batch.

What makes it equal is a single rule: **sum, then divide once**. Every micro-batch contributes the
sum of its loss terms; the gradient is divided by the number of terms in the whole window, whatever
the sizes of its parts. Clipping, the update and the schedule then happen once per step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from ..errors import CourseError

MicroBatch = TypeVar("MicroBatch")

LossSum = Callable[[nn.Module, MicroBatch], tuple[Tensor, float | Tensor]]
"""``loss_sum_fn(model, micro_batch)`` returns the SUM of the loss terms, and how many there are.

A term is what the loss should be a mean over: an example, or a token that is not padding. For
example ``F.cross_entropy(logits, labels, reduction="sum"), len(labels)``. Where terms have weights,
their number is the sum of the weights.
"""


class Schedule(Protocol):
    """A learning-rate schedule, such as those of `torch.optim.lr_scheduler`."""

    def step(self) -> None:
        """Move on by one optimizer step."""
        ...


@dataclass(frozen=True)
class AccumulatedStep:
    """What one step did.

    Attributes
    ----------
    loss
        Mean loss over all terms of the window, before the update: the loss of the large batch.
    num_terms
        How many terms that is (examples, tokens): what the gradient was divided by.
    num_micro_steps
        Forward and backward passes in this step.
    gradient_norm
        Length of the gradient, over the optimizer's parameters, before it was clipped.
    updated
        False only if a scaler found a gradient that overflowed: then nothing was updated, and the
        scaler tries a smaller scale at the next step.
    """

    loss: float
    num_terms: float
    num_micro_steps: int
    gradient_norm: float
    updated: bool = True


def accumulated_step(
    model: nn.Module,
    loss_sum_fn: LossSum[MicroBatch],
    micro_batches: Iterable[MicroBatch],
    optimizer: torch.optim.Optimizer,
    *,
    max_norm: float | None = None,
    schedule: Schedule | None = None,
    scaler: torch.amp.GradScaler | None = None,
) -> AccumulatedStep:
    """Take one optimizer step on all the micro-batches together.

    The micro-batches may have any sizes, and a micro-batch may have no term. Gradients that were
    there before are discarded; afterwards ``.grad`` holds the gradient that was applied. Only the
    optimizer's parameters count in its length and are clipped; others of the model end without a
    gradient. The micro-batches are used one at a time and may come from a generator; move each to
    its device in ``loss_sum_fn``.

    Two kinds of layers make a window differ from the large batch, and no divisor mends it:
    BatchNorm in training mode normalizes by the micro-batch, and dropout draws other masks.

    Parameters
    ----------
    loss_sum_fn
        See `LossSum`. Mixed precision belongs in it: run the model under `torch.autocast` and the
        loss outside, on ``logits.float()``. A sum in 16 bits would lose its last digits.
    max_norm
        Clip the gradient of the window to this length, once.
    schedule
        Moved on once, after the update.
    scaler
        For float16. The sums are larger than means would be: let it start from a smaller scale,
        ``torch.amp.GradScaler(init_scale=256.0)``. One with ``enabled=False`` counts as None.

    Raises
    ------
    CourseError
        When there is no micro-batch, no term, or a loss or gradient that is not finite. Whatever
        goes wrong before the update, parameters, buffers, optimizer and schedule are left as they
        were, and no half-finished gradient stays behind (``.grad`` is None).
    """
    if max_norm is not None and not max_norm > 0:
        raise CourseError(f"max_norm={max_norm}; it is a length and must be positive, or None.")
    if scaler is not None and not scaler.is_enabled():
        scaler = None
    with fresh_gradients(model, optimizer) as params:
        loss, num_terms, num_micro_steps = _accumulate(model, loss_sum_fn, micro_batches, scaler)
        if scaler is not None:
            scaler.unscale_(optimizer)
        for parameter in params:
            if parameter.grad is not None:
                parameter.grad /= num_terms
        norm = float(nn.utils.clip_grad_norm_(params, math.inf if max_norm is None else max_norm))
        if scaler is None and not math.isfinite(norm):
            raise CourseError(
                f"the loss is {loss:.4g} but the length of its gradient is {norm}; look for a "
                "square root or a logarithm at zero, or a number too large for its type."
            )
    updated = _update(optimizer, scaler)
    if schedule is not None and updated:
        schedule.step()
    return AccumulatedStep(loss, num_terms, num_micro_steps, norm, updated)


@contextmanager
def fresh_gradients(model: nn.Module, optimizer: torch.optim.Optimizer) -> Iterator[list[Tensor]]:
    """Start without gradients, and end with those of the optimizer's parameters alone.

    Yields these parameters, each once. After an error no gradient is left, and the buffers of the
    model are what they were.
    """
    groups = [group["params"] for group in optimizer.param_groups]
    trained = list(dict.fromkeys(chain(*groups)))
    untrained = set(model.parameters()).difference(trained)
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    for parameter in [*trained, *untrained]:
        parameter.grad = None
    try:
        yield trained
    except BaseException:
        for parameter in trained:
            parameter.grad = None
        with torch.no_grad():
            for buffer, value in buffers:
                buffer.copy_(value)
        raise
    finally:
        for parameter in untrained:
            parameter.grad = None


def _accumulate(
    model: nn.Module,
    loss_sum_fn: LossSum[MicroBatch],
    micro_batches: Iterable[MicroBatch],
    scaler: torch.amp.GradScaler | None,
) -> tuple[float, float, int]:
    """Add up gradients of loss sums; return the mean loss, the number of terms, of micro-steps."""
    sums: list[Tensor] = []
    counts: list[float | Tensor] = []
    for micro_batch in micro_batches:
        loss_sum, num_terms = loss_sum_fn(model, micro_batch)
        if loss_sum.ndim != 0 or loss_sum.dtype not in (torch.float32, torch.float64):
            raise CourseError(
                f"loss_sum_fn returned a {loss_sum.dtype} of shape {tuple(loss_sum.shape)}; it "
                "needs one number in float32 or float64: use reduction='sum' on logits.float()."
            )
        (loss_sum if scaler is None else scaler.scale(loss_sum)).backward()  # type: ignore[no-untyped-call]
        sums.append(loss_sum.detach())
        counts.append(num_terms)
    if not sums:
        raise CourseError("there is no micro-batch in this window; a step needs at least one.")
    losses = torch.stack(sums).tolist()  # the one moment in which the device is waited for
    for number, loss in enumerate(losses, start=1):
        if not math.isfinite(loss):
            raise CourseError(
                f"the loss of micro-batch {number} of {len(losses)} is {loss}; nothing was "
                "updated. Look at its inputs, or take a smaller learning rate."
            )
    total = sum(count.item() if isinstance(count, Tensor) else count for count in counts)
    if not 0 < total < math.inf:
        raise CourseError(
            f"the {len(losses)} micro-batches have {total} terms together; a mean needs some, for "
            "example a token that is not masked."
        )
    return sum(losses) / total, total, len(losses)


def _update(optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler | None) -> bool:
    """Update the parameters; False where the scaler found an overflow and refused."""
    if scaler is None:
        optimizer.step()
        return True
    scale = scaler.get_scale()
    scaler.step(optimizer)
    scaler.update()
    return scaler.get_scale() >= scale
