"""Bytes kept for backward: by hand, while they live, and in proportion to the micro-batch."""

import doctest

import pytest

torch = pytest.importorskip("torch", reason="this counts torch's saved tensors")

from torch import nn  # noqa: E402

from coursekit.pytorch import accumulation_memory  # noqa: E402
from coursekit.pytorch.accumulation_memory import KeptForBackward  # noqa: E402

KIB = 1024


def test_docstrings_say_what_happens():
    assert doctest.testmod(accumulation_memory).failed == 0


def network():
    return nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh()).double()


def test_a_network_keeps_its_hidden_values_and_frees_them_going_backward():
    model, inputs = network(), torch.randn(64, 16, dtype=torch.float64)
    with KeptForBackward([*model.parameters(), inputs]) as kept:
        loss = model(inputs).sum()
        assert kept.now == 2 * 64 * 32 * 8  # each tanh's result; the second Linear shares one
        loss.backward()
        assert kept.now == 0
    assert kept.peak == 2 * 64 * 32 * 8


def test_inputs_count_unless_they_are_there_anyway():
    model, inputs = nn.Linear(16, 4), torch.randn(8, 16)
    with KeptForBackward(model.parameters()) as kept:
        model(inputs).sum().backward()
    assert kept.peak == 8 * 16 * 4


def test_memory_that_is_shared_counts_once():
    x = torch.ones(KIB // 4, requires_grad=True)
    with KeptForBackward([x]) as kept:
        y = x + 1
        z = y * y.view(2, -1).flatten()  # y twice
        assert kept.now == KIB
        del y, z
        assert kept.now == 0
    assert kept.peak == KIB


def test_gradients_are_the_same_with_and_without_counting():
    model, inputs = network(), torch.randn(64, 16, dtype=torch.float64)
    model(inputs).square().sum().backward()
    plain = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    with KeptForBackward([]):
        model(inputs).square().sum().backward()
    for parameter, gradient in zip(model.parameters(), plain, strict=True):
        assert torch.equal(parameter.grad, gradient)


def test_the_peak_falls_in_proportion_to_the_micro_batch():
    model, inputs = network(), torch.randn(64, 16, dtype=torch.float64)
    peaks = []
    for size in (64, 32, 8, 1):
        with KeptForBackward([*model.parameters(), inputs]) as kept:
            for part in inputs.split(size):
                model(part).sum().backward()
        peaks.append(kept.peak / size)
    assert peaks == [2 * 32 * 8] * 4


def test_nothing_is_counted_after_the_block():
    model, inputs = network(), torch.randn(4, 16, dtype=torch.float64)
    with KeptForBackward(model.parameters()) as kept:
        pass
    model(inputs).sum().backward()
    assert kept.peak == 0
