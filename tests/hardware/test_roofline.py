"""Counts by a second road: plain loops that touch every number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursekit.errors import BatchSizeError, ShapeError
from coursekit.hardware import Work, attainable_flops, linear_step, mlp_step, ridge

SMALL = st.integers(1, 6)


def product(rows, inner, columns):
    """Count a matrix product number by number: operations, and entries that it touches."""
    flops, touched = 0, set()
    for row in range(rows):
        for column in range(columns):
            for k in range(inner):
                flops += 2  # multiply, add
                touched |= {("left", row, k), ("right", k, column), ("result", row, column)}
    return flops, len(touched)


@given(batch_size=SMALL, num_in=SMALL, num_out=SMALL, first=st.booleans())
def test_a_linear_layer_does_three_products(batch_size, num_in, num_out, first):
    shapes = [(batch_size, num_in, num_out), (num_in, batch_size, num_out)]
    if not first:
        shapes.append((batch_size, num_out, num_in))
    counts = [product(*shape) for shape in shapes]
    work = linear_step(batch_size, num_in, num_out, input_gradient=not first)
    assert work.flops == sum(flops for flops, _ in counts)
    assert work.bytes_moved == 4 * sum(touched for _, touched in counts)


def test_a_network_is_the_sum_of_its_layers_the_first_without_input_gradient():
    by_hand = linear_step(32, 64, 128, input_gradient=False) + linear_step(32, 128, 10)
    assert mlp_step(32, (64, 128, 10)) == by_hand


def test_half_the_bytes_a_number_is_twice_the_intensity():
    assert linear_step(8, 16, 16, bytes_per_number=2).intensity == pytest.approx(
        2 * linear_step(8, 16, 16).intensity
    )


def test_intensity_grows_with_the_batch_up_to_that_of_the_weights():
    # F/Q = 2B·i·o / (B·i + i·o + B·o) / 4 bytes: at most i·o / (i + o) / 2, and at B = 1 below 1/2
    ladder = [linear_step(2**k, 256, 256).intensity for k in range(0, 30, 3)]
    assert ladder == sorted(ladder)
    assert ladder[0] < 0.5
    assert ladder[-1] == pytest.approx(256 * 256 / (256 + 256) / 2, rel=1e-4)


def test_the_roof_has_two_sides_that_meet_at_the_ridge():
    machine = {"peak_flops": 1e12, "bandwidth": 1e10}
    assert ridge(**machine) == 100
    assert attainable_flops(100, **machine) == 1e12
    assert attainable_flops(50, **machine) == 5e11
    assert attainable_flops(1000, **machine) == 1e12
    assert Work(5e12, 1e10).seconds(**machine) == 5.0
    assert Work(5e10, 1e10).seconds(**machine) == 1.0


def test_a_step_without_examples_and_a_network_without_layers_are_refused():
    with pytest.raises(BatchSizeError, match="at least 1 example"):
        linear_step(0, 4, 4)
    with pytest.raises(ShapeError, match="inputs and outputs"):
        mlp_step(4, (64,))
