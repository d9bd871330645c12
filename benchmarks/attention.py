"""Attention with the table of scores and in tiles, in NumPy and PyTorch, beside PyTorch's kernel.

    python benchmarks/attention.py

prints the tables and stores them in benchmarks/results/attention.md. Time on one thread, causal,
float32; memory as the operating system sees it, each call in a process of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from interleave import interleave, milliseconds, ratios, spread, table, write_report

# The import above limits NumPy and PyTorch to one thread, so it comes first.
# isort: split

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from coursekit.attention import attention, extra_memory, tiled_attention
from coursekit.pytorch import attention as in_torch

HEADS, HEAD_DIM = 4, 64
KERNEL = "`scaled_dot_product_attention`"
TABLE = "NumPy, with the table: `attention`"
TEXTBOOK = "NumPy, with the table, as a textbook writes it"
TILED = "NumPy, in tiles: `tiled_attention`"
TORCH_TABLE = "PyTorch, with the table"
TORCH_TILED = "PyTorch, in tiles: `tiled_attention`"

Run = Callable[[], object]


def textbook(query: np.ndarray, key: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Causal attention, a new array for every step."""
    scores = query @ key.swapaxes(-1, -2) / np.float32(np.sqrt(query.shape[-1]))
    future = np.triu(np.ones(scores.shape[-2:], dtype=bool), 1)
    scores = np.where(future, np.float32(-np.inf), scores)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True) @ value


def library(query: Tensor, key: Tensor, value: Tensor, *, causal: bool) -> Tensor:
    """The library's kernel, in the form that `extra_memory` calls."""
    return scaled_dot_product_attention(query, key, value, is_causal=causal)


def inputs(seq_len: int) -> np.ndarray:
    shape = (3, 1, HEADS, seq_len, HEAD_DIM)
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def forward_ways(seq_len: int) -> dict[str, Run]:
    arrays = inputs(seq_len)
    tensors = torch.from_numpy(arrays)
    ways: dict[str, Run] = {
        TEXTBOOK: lambda: textbook(*arrays),
        TABLE: lambda: attention(*arrays, causal=True),
        TILED: lambda: tiled_attention(*arrays, causal=True),
        TORCH_TABLE: lambda: in_torch.naive_attention(*tensors, causal=True),
        TORCH_TILED: lambda: in_torch.tiled_attention(*tensors, causal=True),
        KERNEL: lambda: library(*tensors, causal=True),
    }
    for rows, columns in ((64, 64), (128, 128), (256, 256), (512, 512)):

        def run(rows: int = rows, columns: int = columns) -> object:
            return tiled_attention(*arrays, causal=True, query_tile=rows, kv_tile=columns)

        ways[f"NumPy, tiles of {rows} × {columns}"] = run
    return ways


def backward_ways(seq_len: int) -> dict[str, Run]:
    tensors = [each.requires_grad_() for each in torch.from_numpy(inputs(seq_len))]
    grad_output = torch.randn_like(tensors[0])
    roads = {
        TORCH_TABLE: in_torch.naive_attention,
        TORCH_TILED: in_torch.tiled_attention,
        KERNEL: library,
    }
    return {
        name: lambda road=road: torch.autograd.grad(
            road(*tensors, causal=True), tensors, grad_output
        )
        for name, road in roads.items()
    }


def times_of(title: str, ways: dict[str, Run], base: str) -> str:
    times = interleave(ways, rounds=9, warm_up=1)
    rows = [
        [
            name,
            milliseconds(times, name),
            spread(ratios(times, base, name)),
            spread(ratios(times, name, KERNEL)),
        ]
        for name in sorted(ways, key=lambda name: ratios(times, name, KERNEL)[0])
    ]
    headers = ["way", "CPU ms", "times as fast as with the table", "time of PyTorch's kernel"]
    return f"## {title}\n\n{table(headers, rows)}"


def memory() -> str:
    """Peak memory beyond the inputs, result included."""
    here = str(Path(__file__).parent)
    os.environ["PYTHONPATH"] = os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])
    roads = {
        TABLE: "coursekit.attention:attention",
        TILED: "coursekit.attention:tiled_attention",
        TORCH_TABLE: "coursekit.pytorch.attention:naive_attention",
        TORCH_TILED: "coursekit.pytorch.attention:tiled_attention",
        KERNEL: "attention:library",
    }
    lengths = (1024, 2048, 4096, 8192)
    rows = []
    for name, function in roads.items():
        sizes = [
            extra_memory(function, num_heads=HEADS, seq_len=n, head_dim=HEAD_DIM) for n in lengths
        ]
        growth = f"{sizes[-1] / sizes[-2]:.1f}"
        rows.append([name, *(f"{size / 2**20:.1f}" for size in sizes), growth])
    headers = ["way, forward", *(f"{n} tokens" for n in lengths), "8192 ÷ 4096"]
    return f"## Memory beyond the inputs, in MiB, output included\n\n{table(headers, rows)}"


def check(seq_len: int) -> str:
    """The largest difference from float64."""
    arrays = inputs(seq_len)
    tensors = torch.from_numpy(arrays)
    exact = attention(*arrays.astype(float), causal=True)
    found = {
        TABLE: attention(*arrays, causal=True),
        TILED: tiled_attention(*arrays, causal=True)[0],
        TORCH_TILED: in_torch.tiled_attention(*tensors, causal=True).numpy(),
        KERNEL: library(*tensors, causal=True).numpy(),
    }
    off = "; ".join(f"{name} {np.abs(out - exact).max():.0e}" for name, out in found.items())
    return f"Largest difference from float64 at {seq_len} tokens: {off}."


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    about = (
        f"{HEADS} heads, head_dim {HEAD_DIM}, causal, float32. Ratios of CPU time within a round: "
        "median (10th to 90th percentile). Tiles are 256 × 512 where nothing else is said."
    )
    parts = [about, check(1024)]
    parts += [times_of(f"Forward, {n} tokens", forward_ways(n), TABLE) for n in (512, 2048, 4096)]
    parts.append(times_of("Forward and backward, 2048 tokens", backward_ways(2048), TORCH_TABLE))
    parts.append(memory())
    write_report("attention", "Attention with and without the table", ["numpy", "torch"], parts)


if __name__ == "__main__":
    main()
