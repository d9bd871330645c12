"""Run the GPU kernel in Triton's interpreter: JSON cases on stdin, largest errors on stdout.

A process of its own, because Triton decides at its first import whether kernels are interpreted.
"""

import json
import os
import sys
import warnings

os.environ["TRITON_INTERPRET"] = "1"

import torch
from triton.runtime import interpreter

from coursekit.attention import tiled_attention
from coursekit.pytorch.triton_attention import triton_attention

warnings.simplefilter("error")
multiply = interpreter.InterpreterBuilder.create_dot


def multiply_bfloat16_too(self, a, b, *rest):
    """The interpreter holds bfloat16 as bits, and its product would multiply the bits."""
    if a.dtype.scalar.is_bf16():
        a, b = (self.cast_impl(each, interpreter.tl.float32) for each in (a, b))
    return multiply(self, a, b, *rest)


interpreter.InterpreterBuilder.create_dot = multiply_bfloat16_too


def tensors(case, dtype):
    """Query, key and value of a case, in a layout that is not contiguous."""
    generator = torch.Generator().manual_seed(0)
    heads, kv_heads, n, m, head_dim, _, _ = case
    shapes = ((2, n, heads, head_dim), (2, m, kv_heads, head_dim), (2, m, kv_heads, head_dim))
    return [torch.randn(s, generator=generator).to(dtype).transpose(1, 2) for s in shapes]


def largest_errors(case, dtype):
    """Of the output, and of the log-sum-exp relative to its size; both must have the right form."""
    inputs, rules = tensors(case, dtype), {"causal": case[5], "offset": case[6]}
    output, log_sum_exp = triton_attention(*inputs, **rules)
    assert output.dtype == dtype
    assert output.shape == inputs[0].shape
    expected, sums = tiled_attention(*(each.double().numpy() for each in inputs), **rules)
    sums = torch.from_numpy(sums)
    hidden = sums.isinf()
    assert torch.equal(log_sum_exp.isinf(), hidden)
    off = (log_sum_exp - sums)[~hidden].abs() / sums[~hidden].abs().clamp(min=1)
    errors = (output.double() - torch.from_numpy(expected)).abs()
    return errors.max().item(), max([0.0, *off.tolist()])


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    json.dump([largest_errors(case, getattr(torch, name)) for case, name in asked], sys.stdout)
