"""What speaks for a batch size? The Python mirror of fits.mjs: arithmetic, the same bits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .core import fixed

MACHINES = (8, 16, 24, 40, 80, 141)
"""Gigabytes of the machines to choose from."""

DEFAULTS: dict[str, Any] = {
    "num_examples": 1_200_000,
    "megabytes": 100,
    "machine": 1,
    "batch_size": 1_200_000,
}
VIEWS: dict[str, dict[str, Any]] = {
    "fits": {},
    "fits-small": {"num_examples": 1000, "megabytes": 1, "batch_size": 32},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key may take; batch sizes are powers of two, and the full batch."""
    num_examples: int = state["num_examples"]
    return {
        "num_examples": (1000, 10_000, 60_000, 1_200_000, 100_000_000),
        "megabytes": (0.01, 0.1, 1, 10, 100, 1000),
        "machine": range(len(MACHINES)),
        "batch_size": (*(2**k for k in range((num_examples - 1).bit_length())), num_examples),
    }


@dataclass(frozen=True)
class Case:
    """What arithmetic says of a batch size.

    Attributes
    ----------
    updates
        Updates an epoch, the last batch being whatever is left.
    noise
        Standard deviation of the batch gradient, as a share of that at B = 1, drawn without
        replacement.
    gigabytes
        Memory of the batch.
    largest
        The largest batch that fits into the machine, if nothing else needs memory.
    """

    updates: int
    noise: float
    gigabytes: float
    largest: int


def simulate(state: Mapping[str, Any]) -> Case:
    """The numbers behind the figure."""
    num_examples, batch_size = state["num_examples"], state["batch_size"]
    return Case(
        updates=-(-num_examples // batch_size),
        noise=math.sqrt((num_examples - batch_size) / (num_examples - 1) / batch_size),
        gigabytes=batch_size * state["megabytes"] / 1000,
        largest=min(num_examples, int(MACHINES[state["machine"]] * 1000 / state["megabytes"])),
    )


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    case, capacity = simulate(state), MACHINES[state["machine"]]
    return (
        f"B = {state['batch_size']:,} out of N = {state['num_examples']:,}: "
        f"{case.updates:,} {'update' if case.updates == 1 else 'updates'} an epoch, "
        f"with {fixed(100 * case.noise, 1)} % of the noise of B = 1. "
        f"The batch takes {_memory(case.gigabytes)} and "
        f"{'does not fit' if case.gigabytes > capacity else 'fits'} into {capacity} GB; "
        f"the largest batch that fits is {case.largest:,}."
    )


def _memory(gigabytes: float) -> str:
    if gigabytes < 0.001:
        return f"{fixed(1000 * gigabytes)} MB"
    if gigabytes < 100:
        return f"{fixed(gigabytes, 3 if gigabytes < 1 else 1)} GB"
    return f"{math.floor(gigabytes + 0.5):,} GB"


def typical(state: Mapping[str, Any]) -> list[float]:
    """Nothing here is left to chance."""
    return []
