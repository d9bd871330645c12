"""Factories as a reader would write them; the tests of the command import them by name."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from coursekit.data import digits

each_cross_entropy = partial(cross_entropy, reduction="none")


def network(*widths: int) -> nn.Sequential:
    torch.manual_seed(0)
    layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    return nn.Sequential(*[part for layer in layers for part in (layer, nn.Tanh())][:-1])


def images(count: int = 400):
    data = digits()
    return torch.tensor(data.features[:count]).float(), torch.tensor(data.labels[:count])


def mlp():
    return network(64, 32, 10), each_cross_entropy, images()


def few_examples():
    return network(64, 32, 10), each_cross_entropy, images(12)


def nan_losses():
    inputs, labels = images()
    return network(64, 32, 10), each_cross_entropy, (inputs * float("nan"), labels)


def wrong_width():
    return network(63, 10), each_cross_entropy, images()


def one_loss_for_all():
    return network(64, 10), cross_entropy, images()


class NoMemoryAbove(nn.Module):
    """Stands for a device that is full: says what PyTorch's allocator on the CPU says."""

    def __init__(self, examples: int) -> None:
        super().__init__()
        self.inner, self.examples = network(64, 10), examples

    def forward(self, inputs):
        if len(inputs) > self.examples:
            raise RuntimeError(
                "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate "
                "memory: you tried to allocate 8000000000000 bytes."
            )
        return self.inner(inputs)


def out_of_memory():
    return NoMemoryAbove(20), each_cross_entropy, images()


def fails():
    raise FileNotFoundError("no file train.csv")


def something_else():
    return "a model"


not_a_function = 3
