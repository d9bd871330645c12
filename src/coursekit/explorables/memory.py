"""What does a training step keep in memory? The Python mirror of memory.mjs: the same bits.

Counted are parameters, gradients, optimizer state and the activations that the forward pass keeps
for the backward pass. Not counted is what a device keeps to itself, and what is there in passing.

In mixed precision, parameters and gradients are bfloat16 and a float32 copy of the parameters takes
the updates. Source: Rajbhandari et al. 2020, arXiv:1910.02054, section 3.1: 16 bytes a parameter
under Adam. PyTorch's autocast comes to the same 16, with float32 parameters and gradients.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .core import fixed

DEVICES = (8, 16, 24, 40, 80, 141)
"""Gigabytes (10^9 bytes) of the devices to choose from."""

NUM_LAYERS = 12
COPIES = {"sgd": 0, "momentum": 1, "adam": 2}
"""Float32 numbers that each optimizer remembers for each parameter."""

NAMES = {
    "sgd": "SGD",
    "momentum": "momentum",
    "adam": "Adam",
    "float32": "float32",
    "mixed": "bfloat16 mixed",
}

DEFAULTS: dict[str, Any] = {
    "millions": 125,
    "megabytes": 100,
    "optimizer": "adam",
    "format": "float32",
    "batch_size": 140,
    "device": 1,
    "layer": NUM_LAYERS,
}
VIEWS: dict[str, dict[str, Any]] = {
    "memory": {},
    "memory-overflow": {"batch_size": 256},
    "memory-mixed": {"format": "mixed", "batch_size": 280},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "millions": (1, 5, 25, 125, 350, 1300, 7000),
        "megabytes": (1, 10, 50, 100, 200, 500, 1000),
        "optimizer": tuple(COPIES),
        "format": ("float32", "mixed"),
        "batch_size": range(1, 513),
        "device": range(len(DEVICES)),
        "layer": range(NUM_LAYERS + 1),
    }


@dataclass(frozen=True)
class Needs:
    """What a training step needs, in megabytes (10^6 bytes).

    Attributes
    ----------
    parameters, gradients, copy, optimizer
        Its fixed parts; ``copy`` is the float32 copy of mixed precision.
    fixed_part
        Their sum, the same for every batch size.
    example
        Activations of one example.
    now, total
        In use after the layers passed so far, and after all of them.
    capacity
        What the device has.
    stops
        The first layer that no longer fits, 0 when the fixed parts do not, -1 when all fits.
    largest
        The largest batch that fits; 0 when none does.
    """

    parameters: int
    gradients: int
    copy: int
    optimizer: int
    fixed_part: int
    example: float
    now: float
    total: float
    capacity: int
    stops: int
    largest: int


def simulate(state: Mapping[str, Any]) -> Needs:
    """The numbers behind the figure."""
    mixed = state["format"] == "mixed"
    millions: int = state["millions"]
    batch_size: int = state["batch_size"]
    each = (2 if mixed else 4) * millions
    copy = 4 * millions if mixed else 0
    optimizer = 4 * COPIES[state["optimizer"]] * millions
    fixed_part = 2 * each + copy + optimizer
    example: float = state["megabytes"] / 2 if mixed else state["megabytes"]
    capacity = 1000 * DEVICES[state["device"]]

    def after(layers: int) -> float:
        return fixed_part + batch_size * example * layers / NUM_LAYERS

    return Needs(
        parameters=each,
        gradients=each,
        copy=copy,
        optimizer=optimizer,
        fixed_part=fixed_part,
        example=example,
        now=after(state["layer"]),
        total=after(NUM_LAYERS),
        capacity=capacity,
        stops=next((i for i in range(NUM_LAYERS + 1) if after(i) > capacity), -1),
        largest=max(0, math.floor((capacity - fixed_part) / example)),
    )


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    needs, size, layer = simulate(state), DEVICES[state["device"]], state["layer"]
    before = (
        f"{state['millions']:,} million parameters with {NAMES[state['optimizer']]} in "
        f"{NAMES[state['format']]} take {_amount(needs.fixed_part)} before the first example"
    )
    if not needs.largest:
        return (
            f"{before}, and an example {_amount(needs.example)}: "
            f"not even a batch of 1 fits into {size} GB."
        )
    if needs.total > needs.capacity:
        verdict = (
            f", {_amount(needs.total - needs.capacity)} more than the device has: "
            f"out of memory in layer {needs.stops} of {NUM_LAYERS}"
        )
    else:
        verdict = f" and fits into {size} GB"
    is_or_would_be = "would be" if needs.now > needs.capacity else "is"
    so_far = f" After layer {layer} of {NUM_LAYERS} it {is_or_would_be} {_amount(needs.now)}."
    return (
        f"{before}, and each example {_amount(needs.example)} more. "
        f"A batch of {state['batch_size']} needs {_amount(needs.total)}{verdict}. "
        f"The largest that fits is {needs.largest:,}.{so_far if layer < NUM_LAYERS else ''}"
    )


def _amount(megabytes: float) -> str:
    if megabytes < 1000:
        return f"{fixed(megabytes, 1 if megabytes % 1 and megabytes < 10 else 0)} MB"
    return f"{fixed(megabytes / 1000, 1)} GB"


def typical(state: Mapping[str, Any]) -> list[float]:
    """Nothing here is left to chance."""
    return []
