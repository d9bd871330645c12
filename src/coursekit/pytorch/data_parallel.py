"""One optimizer step from many ranks, equal to one step on the large batch.

`DistributedDataParallel` averages the gradients of the ranks. That is the gradient of the large
batch only where all ranks have equally many loss terms. The rule that always holds is the one of
gradient accumulation, over ranks: **sum, then divide once**, by the number of terms of all of them.
Every rank must call these functions equally often; the process group must be ready.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import nullcontext

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ..errors import CourseError
from .accumulation import AccumulatedStep, LossSum, MicroBatch, Schedule, fresh_gradients


def mean_over_ranks(loss_sum: Tensor, num_terms: float | Tensor) -> Tensor:
    """The loss to go backward from, so that `DistributedDataParallel` averages to the true mean.

    ``loss_sum`` is the SUM of this rank's loss terms (examples, or tokens that are not padding),
    ``num_terms`` how many there are, possibly none; where terms have weights, the sum of these. The
    result is the sum times K, divided by the terms of all ranks: its average over the ranks is the
    mean over all terms. The value differs from rank to rank; only the average means something.

    Raises
    ------
    CourseError
        On every rank, when no rank has a term.
    """
    # float64 holds fractions, and whole numbers exactly up to 2^53
    total = torch.as_tensor(num_terms, dtype=torch.float64, device=loss_sum.device).clone()
    dist.all_reduce(total)
    if not total > 0:
        raise CourseError(
            f"the ranks have {total:g} loss terms together; a mean needs some, for example a token "
            "that is not masked."
        )
    return loss_sum * dist.get_world_size() / total.item()  # in the type of the loss


def data_parallel_step(
    model: DistributedDataParallel,
    loss_sum_fn: LossSum[MicroBatch],
    micro_batches: Iterable[MicroBatch],
    optimizer: torch.optim.Optimizer,
    *,
    max_norm: float | None = None,
    schedule: Schedule | None = None,
) -> AccumulatedStep:
    """Take one optimizer step on all micro-batches of all ranks together.

    The micro-batches may have any sizes, a rank may have more of them than another, and one may be
    without a term; but each rank needs at least one. Gradients travel once, with the last of them.
    Clipping happens after the ranks have met, so every rank applies the same update. Gradients are
    discarded and kept as in `accumulation.accumulated_step`; all that the optimizer trains must
    belong to the model, because only its gradients are averaged.

    Parameters
    ----------
    loss_sum_fn
        Returns the sum of the loss terms and their number; see `accumulation.LossSum`.
    max_norm
        Clip the gradient of the large batch to this length.

    Returns
    -------
    AccumulatedStep
        Loss and terms are those of all ranks, and equal on all of them; the micro-steps are this
        rank's own.

    Raises
    ------
    CourseError
        When this rank has no micro-batch; on every rank, when together they have no term, or when
        the loss or its gradient is not finite. Whatever goes wrong before the update, parameters,
        buffers, optimizer and schedule are left as they were, and ``.grad`` is None.
    """
    with fresh_gradients(model, optimizer) as params:
        parts = list(micro_batches)
        if not parts:
            raise CourseError(
                f"rank {dist.get_rank()} has no micro-batch, and the others would wait for it; "
                "give it one without examples."
            )
        sums = torch.zeros(2, dtype=torch.float64, device=next(model.parameters()).device)
        for number, micro_batch in enumerate(parts, start=1):
            with nullcontext() if number == len(parts) else model.no_sync():
                loss_sum, num_terms = loss_sum_fn(model, micro_batch)
                loss_sum.backward()  # type: ignore[no-untyped-call]
            sums[0] += loss_sum.detach()
            sums[1] += num_terms
        dist.all_reduce(sums)
        total_loss, total = sums.tolist()
        if total.is_integer():
            total = int(total)  # so that whole numbers print as such
        if not (0 < total < math.inf and math.isfinite(total_loss)):
            raise CourseError(
                f"the ranks together have {total} loss terms, which add up to {total_loss}; a "
                "step needs some terms and a finite sum. Nothing was updated."
            )
        for parameter in params:
            if parameter.grad is not None:
                parameter.grad *= dist.get_world_size() / total  # the model has divided by K
        norm = float(nn.utils.clip_grad_norm_(params, math.inf if max_norm is None else max_norm))
        if not math.isfinite(norm):
            raise CourseError(
                f"the length of the gradient is {norm}; nothing was updated. Look for a square "
                "root or a logarithm at zero, or take a smaller learning rate."
            )
    optimizer.step()
    if schedule is not None:
        schedule.step()
    return AccumulatedStep(total_loss / total, total, len(parts), norm)
