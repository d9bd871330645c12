"""The course's three Triton kernels beside PyTorch's own, on whatever CUDA GPU is here.

    python benchmarks/gpu_attention.py

measures, stores the table in benchmarks/results/gpu_attention.md with the GPU's name, and refuses
to run without a GPU.

What the GPU can do is measured in the same run, because data sheets promise more than a copy or a
product of matrices gets. From both follows a bound on every row: the time of its operations at the
rate of the product, or of its bytes at the rate of the copy, whichever is longer.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from interleave import table, write_report

# The import above limits NumPy and PyTorch to one thread, so it comes first.
# isort: split

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

BACKENDS = {
    "SDPA, cuDNN": SDPBackend.CUDNN_ATTENTION,
    "SDPA, flash": SDPBackend.FLASH_ATTENTION,
    "SDPA, memory-efficient": SDPBackend.EFFICIENT_ATTENTION,
}
HEADS, HEAD_DIM, BATCH, BLOCK = 16, 128, 1, 16

Run = Callable[[], object]


def seconds(run: Run) -> float:
    """The median of many runs, by the GPU's own clock."""
    from triton.testing import do_bench

    return float(do_bench(run, warmup=100, rep=400, return_mode="median")) / 1e3


@dataclass(frozen=True)
class Limits:
    """What the GPU can do, as measured: operations and bytes a second."""

    product: float
    copy: float

    def seconds(self, flop: float, moved: float) -> float:
        """The least time for ``flop`` operations on ``moved`` bytes (roofline)."""
        return max(flop / self.product, moved / self.copy)


def product_rate() -> float:
    """Operations a second of a product of two square matrices of 8192 rows in bfloat16."""
    a, b = torch.randn(2, 8192, 8192, device="cuda", dtype=torch.bfloat16)
    return 2 * 8192**3 / seconds(lambda: a @ b)


def copy_bandwidth() -> float:
    """Bytes read and written a second by a copy of 2 GiB."""
    source = torch.empty(2**31, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return 2 * source.numel() / seconds(lambda: target.copy_(source))


def forced(backend: SDPBackend, q: Tensor, k: Tensor, v: Tensor, *, causal: bool) -> Tensor:
    """One backend and no other."""
    with sdpa_kernel(backend):
        return scaled_dot_product_attention(q, k, v, is_causal=causal)


def times_table(
    title: str,
    seq_len: int,
    causal: bool,
    times: dict[str, float],
    errors: dict[str, float],
    flop: float,
    bound: float,
) -> str:
    """Rates and errors of every way, the fastest first."""
    best = min(taken for name, taken in times.items() if name in BACKENDS)
    rows = [
        [
            name,
            f"{flop / taken / 1e12:.0f}",
            f"{best / taken:.0%}",
            f"{taken / bound:.2f}",
            f"{errors[name]:.0e}",
        ]
        for name, taken in sorted(times.items(), key=lambda item: item[1])
    ]
    headers = ["way", "TFLOP/s", "of the best SDPA", "times the bound", "off from float64"]
    masked = "causal" if causal else "not causal"
    return f"## {title}, bfloat16, {seq_len} tokens, {masked}\n\n{table(headers, rows)}"


def forward(limits: Limits, seq_len: int, *, causal: bool) -> str:
    """Every way in TFLOP/s; with a causal mask half of the products count."""
    from coursekit.pytorch.triton_attention import triton_attention

    shape = (3, BATCH, HEADS, seq_len, HEAD_DIM)
    q, k, v = torch.randn(shape, device="cuda", dtype=torch.bfloat16)
    flop = 4 * BATCH * HEADS * seq_len**2 * HEAD_DIM / (2 if causal else 1)
    ways: dict[str, Run] = {
        name: lambda backend=backend: forced(backend, q, k, v, causal=causal)
        for name, backend in BACKENDS.items()
    }
    ways["course, Triton"] = lambda: triton_attention(q, k, v, causal=causal)[0]
    exact = forced(SDPBackend.MATH, *(x[:, :1].double() for x in (q, k, v)), causal=causal)
    times, errors = {}, {}
    for name, run in ways.items():
        try:
            errors[name] = float((run()[:, :1].double() - exact).abs().max())  # type: ignore[index]
        except RuntimeError:
            continue  # PyTorch has no such backend for this GPU
        times[name] = seconds(run)
    bound = limits.seconds(flop, 4 * q.nbytes)
    return times_table("Forward", seq_len, causal, times, errors, flop, bound)


def backward(limits: Limits, seq_len: int, *, causal: bool) -> str:
    """Every backward pass in TFLOP/s: five products where the forward pass has two."""
    from coursekit.pytorch.triton_attention import triton_attention
    from coursekit.pytorch.triton_attention_backward import triton_attention_backward

    shape = (4, BATCH, HEADS, seq_len, HEAD_DIM)
    *inputs, grad = torch.randn(shape, device="cuda", dtype=torch.bfloat16)
    flop = 10 * BATCH * HEADS * seq_len**2 * HEAD_DIM / (2 if causal else 1)
    leaves = [each.requires_grad_() for each in inputs]
    doubles = [each[:, :1].detach().double().requires_grad_() for each in inputs]
    output = forced(SDPBackend.MATH, *doubles, causal=causal)
    exact = torch.autograd.grad(output, doubles, grad[:, :1].double())
    kept = triton_attention(*(each.detach() for each in inputs), causal=causal)
    ways: dict[str, Callable[[], tuple[Tensor, ...]]] = {
        "course, Triton": lambda: triton_attention_backward(
            grad, *(each.detach() for each in inputs), *kept, causal=causal
        )
    }
    times, errors = {}, {}
    for name, backend in BACKENDS.items():
        try:
            output = forced(backend, *leaves, causal=causal)
        except RuntimeError:
            continue  # PyTorch has no such backend for this GPU
        ways[name] = lambda output=output: torch.autograd.grad(
            output, leaves, grad, retain_graph=True
        )
    for name, run in ways.items():
        pairs = zip(run(), exact, strict=True)
        errors[name] = max(float((ours[:, :1].double() - e).abs().max()) for ours, e in pairs)
        times[name] = seconds(run)
    bound = limits.seconds(flop, 8 * grad.nbytes)
    return times_table("Backward", seq_len, causal, times, errors, flop, bound)


def gather_and_sdpa(q: Tensor, keys: Tensor, values: Tensor, tables: Tensor) -> Tensor:
    """Copy every sequence's blocks together, then the library: all are equally long here."""
    k, v = (x[tables].transpose(1, 2).flatten(2, 3) for x in (keys, values))
    return scaled_dot_product_attention(q[:, :, None], k, v, enable_gqa=True)[:, :, 0]


def decode(copy: float, *, sequences: int, kv_heads: int, context: int) -> str:
    """Paged decode in bytes of keys and values a second, against what a copy gets."""
    from coursekit.pytorch.triton_decoding import paged_decode

    width = context // BLOCK
    shape = (2, sequences * width, kv_heads, BLOCK, HEAD_DIM)
    keys, values = torch.randn(shape, device="cuda", dtype=torch.bfloat16)
    q = torch.randn(sequences, 4 * kv_heads, HEAD_DIM, device="cuda", dtype=torch.bfloat16)
    tables = torch.randperm(sequences * width, device="cuda").view(sequences, width)
    lengths = torch.full((sequences,), context, device="cuda")
    size = keys.nbytes + values.nbytes
    ways: dict[str, Run] = {
        f"course, Triton, {parts} parts": lambda parts=parts: paged_decode(
            q, keys, values, tables, lengths, parts=parts
        )
        for parts in (1, 2, 4, 8)
    }
    ways["gather, then SDPA"] = lambda: gather_and_sdpa(q, keys, values, tables)
    expected = gather_and_sdpa(q, keys, values, tables)
    for name, run in ways.items():
        torch.testing.assert_close(run(), expected, atol=2e-2, rtol=2e-2, msg=name)
    times = {name: seconds(run) for name, run in ways.items()}
    slow = times["gather, then SDPA"]
    rows = [
        [name, f"{taken * 1e6:.0f}", f"{size / taken / copy:.0%}", f"{slow / taken:.1f}"]
        for name, taken in sorted(times.items(), key=lambda item: item[1])
    ]
    headers = ["way", "µs", "of copy bandwidth", "times as fast as gathering"]
    title = (
        f"## Paged decode, bfloat16, {sequences} sequences of {context} tokens, {kv_heads} key "
        f"heads, 4 query heads each, blocks of {BLOCK}"
    )
    return f"{title}\n\n{table(headers, rows)}"


def main() -> None:
    """Measure and store; nothing is stored without a GPU."""
    if not torch.cuda.is_available():
        sys.exit("no CUDA GPU here: nothing is measured and nothing stored.")
    torch.manual_seed(0)
    limits = Limits(product_rate(), copy_bandwidth())
    about = (
        f"GPU: {torch.cuda.get_device_name()}, CUDA {torch.version.cuda}. A product of matrices in "
        f"bfloat16 reached {limits.product / 1e12:.0f} TFLOP/s, a copy {limits.copy / 1e12:.2f} "
        "TB/s, read and written; the bound is the longer of operations and bytes at these rates. "
        f"Medians by the GPU's clock; {HEADS} heads, head_dim {HEAD_DIM}."
    )
    parts = [about]
    for way in (forward, backward):
        parts += [way(limits, n, causal=causal) for n in (2048, 8192) for causal in (True, False)]
    parts.append(decode(limits.copy, sequences=64, kv_heads=8, context=8192))
    write_report("gpu_attention", "Attention on a GPU", ["torch", "triton"], parts)


if __name__ == "__main__":
    main()
