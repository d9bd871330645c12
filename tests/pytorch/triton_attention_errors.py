"""The forward kernel beside float64: see the fixtures `interpret` and `run_on_gpu`."""

import torch
from triton_answers import DEVICE, answer

from coursekit.attention import tiled_attention
from coursekit.pytorch.triton_attention import triton_attention


def tensors(case, dtype):
    """Query, key and value of a case, in a layout that is not contiguous, on the CPU."""
    generator = torch.Generator().manual_seed(0)
    heads, kv_heads, n, m, head_dim, _, _ = case
    shapes = ((2, n, heads, head_dim), (2, m, kv_heads, head_dim), (2, m, kv_heads, head_dim))
    return [torch.randn(s, generator=generator).to(dtype).transpose(1, 2) for s in shapes]


def largest_errors(case, dtype):
    """Of the output, and of the log-sum-exp relative to its size; both must have the right form."""
    inputs, rules = tensors(case, dtype), {"causal": case[5], "offset": case[6]}
    output, log_sum_exp = triton_attention(*(each.to(DEVICE) for each in inputs), **rules)
    assert output.dtype == dtype
    assert output.shape == inputs[0].shape
    expected, sums = tiled_attention(*(each.double().numpy() for each in inputs), **rules)
    output, log_sum_exp, sums = output.cpu(), log_sum_exp.cpu(), torch.from_numpy(sums)
    hidden = sums.isinf()
    assert torch.equal(log_sum_exp.isinf(), hidden)
    off = (log_sum_exp - sums)[~hidden].abs() / sums[~hidden].abs().clamp(min=1)
    errors = (output.double() - torch.from_numpy(expected)).abs()
    return errors.max().item(), max([0.0, *off.tolist()])


if __name__ == "__main__":
    answer(largest_errors)
