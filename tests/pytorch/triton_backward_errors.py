"""The backward kernels beside float64: see the fixtures `interpret` and `run_on_gpu`."""

import torch
from triton_answers import DEVICE, answer
from triton_attention_errors import tensors

from coursekit.attention import tiled_attention, tiled_attention_backward
from coursekit.pytorch.triton_attention import triton_attention
from coursekit.pytorch.triton_attention_backward import triton_attention_backward


def largest_errors(case, dtype):
    """Of each gradient, beside those in float64 of the same inputs."""
    inputs, rules = tensors(case, dtype), {"causal": case[5], "offset": case[6]}
    there = [each.to(DEVICE) for each in inputs]
    output, sums = triton_attention(*there, **rules)
    grad = torch.randn(output.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    found = triton_attention_backward(grad.to(DEVICE), *there, output, sums, **rules)
    arrays = [each.double().numpy() for each in inputs]
    exact = tiled_attention(*arrays, **rules)
    expected = tiled_attention_backward(grad.double().numpy(), *arrays, *exact, **rules)
    for ours, each in zip(found, inputs, strict=True):
        assert (ours.dtype, ours.shape) == (dtype, each.shape)
    pairs = zip(found, map(torch.from_numpy, expected), strict=True)
    return [(ours.cpu().double() - theirs).abs().max().item() for ours, theirs in pairs]


if __name__ == "__main__":
    answer(largest_errors)
