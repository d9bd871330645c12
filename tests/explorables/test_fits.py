"""What speaks for a batch size: its arithmetic against the rooms that own it."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest

from coursekit.explorables import fits
from coursekit.gradients import variance_without_replacement
from coursekit.sampling import num_steps

CASES = [
    {**fits.DEFAULTS, "num_examples": num_examples, "batch_size": size}
    for num_examples in fits.allowed(fits.DEFAULTS)["num_examples"]
    for size in fits.allowed({**fits.DEFAULTS, "num_examples": num_examples})["batch_size"]
]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: f"{case['num_examples']}-{case['batch_size']}"
)
def test_updates_and_noise_are_those_of_the_course(case: dict[str, Any]) -> None:
    found, (n, b) = fits.simulate(case), (case["num_examples"], case["batch_size"])
    assert found.updates == num_steps(n, b)
    law = variance_without_replacement(1.0, b, num_examples=n)
    assert found.noise == pytest.approx(math.sqrt(law), rel=1e-12, abs=1e-15)


def test_batch_sizes_are_the_powers_of_two_and_the_full_batch() -> None:
    sizes = fits.allowed({**fits.DEFAULTS, "num_examples": 1000})["batch_size"]
    assert sizes == (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)


def test_the_largest_batch_fits_and_one_more_does_not() -> None:
    for megabytes, machine in product((0.01, 0.1, 1, 10, 100, 1000), range(len(fits.MACHINES))):
        largest = fits.simulate(
            {"num_examples": 10**12, "megabytes": megabytes, "machine": machine, "batch_size": 1}
        ).largest
        capacity = fits.MACHINES[machine] * 1000
        assert largest * megabytes <= capacity * (1 + 1e-12)
        assert (largest + 1) * megabytes > capacity


def test_the_first_frame_is_the_full_batch_that_does_not_fit() -> None:
    assert fits.simulate(fits.DEFAULTS).largest == 160
    assert "does not fit into 16 GB" in fits.describe(fits.DEFAULTS)
    assert "fits into 16 GB" in fits.describe({**fits.DEFAULTS, "batch_size": 128})
