"""BatchNorm over the batch of all ranks, on any device.

`torch.nn.SyncBatchNorm` does this on GPUs and refuses tensors on a CPU (as of PyTorch 2.13). Here
the same thing is written out: two all-reduces going forward, and two coming back.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _SumOverRanks(torch.autograd.Function):
    """Sum over ranks. Every rank's loss depends on every summand: gradients are summed too."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _sum_over_ranks(value: Tensor) -> Tensor:
    total: Tensor = _SumOverRanks.apply(value)  # type: ignore[no-untyped-call]
    return total


class CrossRankBatchNorm(_BatchNorm):
    """Normalize each channel of ``(B, C, ...)`` by mean and variance over the batches of all ranks.

    Batches may differ in size. In evaluation, or without a process group, it is plain BatchNorm.
    Like any BatchNorm it refuses, on every rank, a global batch with a single value a channel.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Return ``input``, normalized, scaled and shifted."""
        if not (self.training and dist.is_initialized() and dist.get_world_size() > 1):
            return super().forward(input)
        others = [dim for dim in range(input.ndim) if dim != 1]
        shape = [1, -1] + [1] * (input.ndim - 2)
        count = torch.tensor(input.numel() / input.shape[1]).to(input)
        dist.all_reduce(count)
        if count < 2:
            raise ValueError("more than 1 value per channel is needed over all ranks; got 1.")
        mean = _sum_over_ranks(input.sum(others)) / count
        centered = input - mean.view(shape)
        variance = _sum_over_ranks(centered.square().sum(others)) / count
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        normal = centered / (variance.view(shape) + self.eps).sqrt()
        if not self.affine:
            return normal
        return normal * self.weight.view(shape) + self.bias.view(shape)

    def _follow(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics on, as BatchNorm does (unbiased variance)."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        tracked = float(self.num_batches_tracked)
        share = 1 / tracked if self.momentum is None else self.momentum
        with torch.no_grad():
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(variance, share)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim < 2:
            raise ValueError(f"expected (B, C, ...), got {tuple(input.shape)}")


def synchronized(module: nn.Module) -> nn.Module:
    """Return ``module`` with every BatchNorm in it replaced by `CrossRankBatchNorm`.

    Parameters and statistics are shared with the old layers. On GPUs the library's own is faster:
    ``torch.nn.SyncBatchNorm.convert_sync_batchnorm(module)``.
    """
    if isinstance(module, _BatchNorm) and not isinstance(module, CrossRankBatchNorm):
        new = CrossRankBatchNorm(
            module.num_features,
            module.eps,
            module.momentum,
            module.affine,
            module.track_running_stats,
        )
        new.train(module.training)
        new._parameters, new._buffers = module._parameters, module._buffers
        return new
    for name, child in module.named_children():
        setattr(module, name, synchronized(child))
    return module
