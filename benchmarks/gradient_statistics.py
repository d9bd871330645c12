"""What do statistics of per-example gradients cost, against a plain backward pass and peers?

    python benchmarks/gradient_statistics.py

prints the tables and stores them in benchmarks/results/gradient_statistics.md. Peers that are not
installed are left out and named; benchmarks/requirements.txt has the versions compared with.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

from interleave import interleave, milliseconds, ratios, spread, table, write_report

# The import above limits NumPy and PyTorch to one thread, so it comes first.
# isort: split

import torch
from torch import Tensor, nn
from torch.nn import functional

from coursekit.data import digits
from coursekit.pytorch.per_example import (
    gradient_statistics,
    gradients_by_hooks,
    gradients_by_loop,
    gradients_by_vmap,
)

PLAIN = "plain backward: the mean gradient alone"
STATISTICS = "`gradient_statistics`: mean, norms, covariance trace"
BARE = "`gradient_statistics` without the trace"
HOOKS = "`gradients_by_hooks`: every gradient"
VMAP = "`torch.func`, vmap(grad): every gradient"
LOOP = "a backward pass per example"

Run = Callable[[], object]

cross_entropy = partial(functional.cross_entropy, reduction="none")


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )


def convolutions() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.GroupNorm(4, 32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 10),
    )


class AttentionOverRows(nn.Module):
    """A transformer block that reads the 8 rows of an image as 8 words."""

    def __init__(self, dim: int = 64) -> None:
        """Build the layers; a word becomes ``dim`` numbers."""
        super().__init__()
        self.embed = nn.Linear(8, dim)
        self.first_norm, self.second_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.key, self.value, self.out = (nn.Linear(dim, dim) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.head = nn.Linear(dim, 10)

    def forward(self, pixels: Tensor) -> Tensor:
        """Class scores ``(B, 10)`` of images ``(B, 64)``."""
        x = self.embed(pixels.unflatten(1, (8, 8)))
        seen = self.first_norm(x)
        query, key, value = (
            project(seen).unflatten(2, (4, -1)).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        heads = (
            functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        )
        x = x + self.out(heads)
        return self.head((x + self.mlp(self.second_norm(x))).mean(1))


def attention() -> nn.Module:
    torch.manual_seed(0)
    return AttentionOverRows()


def ours(model: nn.Module, inputs: Tensor, labels: Tensor) -> dict[str, Run]:
    params = list(model.parameters())
    case = (model, cross_entropy, inputs, labels)

    def plain() -> object:
        return torch.autograd.grad(functional.cross_entropy(model(inputs), labels), params)

    return {
        PLAIN: plain,
        STATISTICS: lambda: gradient_statistics(*case).covariance_trace,
        BARE: lambda: gradient_statistics(*case),
        HOOKS: lambda: gradients_by_hooks(*case),
        VMAP: lambda: gradients_by_vmap(*case),
    }


def opacus_peers(build: Callable[[], nn.Module], inputs: Tensor, labels: Tensor) -> dict[str, Run]:
    try:
        from opacus.grad_sample import GradSampleModule, GradSampleModuleExpandedWeights
    except ImportError:
        return {}

    def run(model: nn.Module) -> object:
        for parameter in model.parameters():
            parameter.grad, parameter.grad_sample = None, None
        functional.cross_entropy(model(inputs), labels).backward()
        return [parameter.grad_sample for parameter in model.parameters()]

    kinds = {
        "Opacus, GradSampleModule": GradSampleModule,
        "Opacus, ExpandedWeights": GradSampleModuleExpandedWeights,
    }
    return {
        f"{name}: every gradient": partial(run, kind(build(), loss_reduction="mean"))
        for name, kind in kinds.items()
    }


def backpack_peers(
    build: Callable[[], nn.Module], inputs: Tensor, labels: Tensor
) -> dict[str, Run]:
    try:
        from backpack import backpack, extend
        from backpack.extensions import BatchGrad, Variance
    except ImportError:
        return {}
    model, loss = extend(build()), extend(nn.CrossEntropyLoss())

    def run(extension: object, result: str) -> object:
        for parameter in model.parameters():
            parameter.grad = None
        with backpack(extension):
            loss(model(inputs), labels).backward()
        return [getattr(parameter, result) for parameter in model.parameters()]

    return {
        "BackPACK, BatchGrad: every gradient": lambda: run(BatchGrad(), "grad_batch"),
        "BackPACK, Variance: mean and elementwise variance": lambda: run(Variance(), "variance"),
    }


def check(model: nn.Module, inputs: Tensor, labels: Tensor) -> str:
    """The largest difference from the loop on 64 examples, relative to the largest entry."""
    case = (model, cross_entropy, inputs[:64], labels[:64])
    loop, statistics = gradients_by_loop(*case), gradient_statistics(*case)
    largest = max(each.abs().max() for each in loop.values())
    mean = max((statistics.mean[name] - loop[name].mean(0)).abs().max() for name in loop)
    norms = {name: each.flatten(1).square().sum(1) for name, each in loop.items()}
    largest_norm = max(each.max() for each in norms.values())
    norm = max((statistics.squared_norms[name] - norms[name]).abs().max() for name in norms)
    return (
        f"Against the loop, float32, 64 examples: mean within {mean / largest:.0e}, squared norms "
        f"within {norm / largest_norm:.0e}, relative to the largest."
    )


def compare(title: str, build: Callable[[], nn.Module], batch_size: int, *, peers: bool) -> str:
    data = digits()
    inputs = torch.from_numpy(data.features[:batch_size]).float()
    labels = torch.from_numpy(data.labels[:batch_size])
    model = build()
    variants = ours(model, inputs, labels)
    if peers:
        variants |= opacus_peers(build, inputs, labels)
        variants |= backpack_peers(build, inputs, labels)
        variants[LOOP] = lambda: gradients_by_loop(model, cross_entropy, inputs, labels)
    times = interleave(variants, rounds=15, warm_up=5)
    lines = []
    for name in sorted(variants, key=lambda name: ratios(times, name, PLAIN)[0]):
        lines.append(
            [
                name,
                milliseconds(times, name),
                spread(ratios(times, name, PLAIN)),
                f"{ratios(times, name, STATISTICS)[0]:.1f}",
            ]
        )
    headers = ["road", "CPU ms", "cost of a plain backward", "cost of the statistics"]
    num_params = sum(parameter.numel() for parameter in model.parameters())
    return (
        f"## {title}, {num_params:,} parameters, B = {batch_size}\n\n{table(headers, lines)}\n\n"
        f"{check(model, inputs, labels)}"
    )


def main() -> None:
    warnings.filterwarnings("ignore")  # the peers' own, about hooks
    torch.set_num_threads(1)
    parts = [
        "Digits, float32. Costs are ratios of CPU time within a round: median (10th to 90th "
        "percentile). A plain backward is forward, loss and the gradient of the mean loss.",
        compare("MLP 64-128-128-10", mlp, 256, peers=True),
        compare("MLP 64-128-128-10", mlp, 1024, peers=True),
        compare("Two convolutions and GroupNorm", convolutions, 256, peers=False),
        compare("Attention over rows, LayerNorm", attention, 256, peers=False),
    ]
    packages = ["numpy", "torch", "opacus", "backpack-for-pytorch"]
    write_report("gradient_statistics", "Statistics of per-example gradients", packages, parts)


if __name__ == "__main__":
    main()
