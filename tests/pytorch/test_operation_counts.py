"""Counts against the formulas of the roofline, and by hand for single operations."""

import doctest
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="this counts torch's operations")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402

from coursekit.hardware import Work, linear_step, mlp_step  # noqa: E402
from coursekit.pytorch import operation_counts  # noqa: E402
from coursekit.pytorch.operation_counts import count_work  # noqa: E402

SMALL = st.integers(1, 12)


def test_docstrings_say_what_happens():
    assert doctest.testmod(operation_counts).failed == 0


@given(batch_size=SMALL, widths=st.lists(SMALL, min_size=2, max_size=4))
@settings(deadline=None, max_examples=30)
def test_a_network_does_the_operations_of_the_formula(batch_size, widths):
    pairs = pairwise(widths)
    model = nn.Sequential(*[nn.Linear(num_in, num_out) for num_in, num_out in pairs])
    inputs, labels = torch.ones(batch_size, widths[0]), torch.zeros(batch_size, dtype=torch.long)
    counted = count_work(lambda: cross_entropy(model(inputs), labels).backward())
    formula = mlp_step(batch_size, widths)
    assert counted.flops == formula.flops
    assert counted.bytes_moved > formula.bytes_moved  # the loss and the biases move some as well


@given(batch_size=SMALL, num_in=SMALL, num_out=SMALL)
@settings(deadline=None, max_examples=30)
def test_three_products_alone_are_the_formula_to_the_byte(batch_size, num_in, num_out):
    x, w = torch.ones(batch_size, num_in), torch.ones(num_in, num_out)
    dy = torch.ones(batch_size, num_out)
    counted = count_work(lambda: (x @ w, x.T @ dy, dy @ w.T))
    assert counted == linear_step(batch_size, num_in, num_out)


def test_views_move_nothing_and_copies_move_twice():
    x = torch.ones(4, 6)
    assert count_work(lambda: x.T.view(3, 8) if x.T.is_contiguous() else x.T[1:]).bytes_moved == 0
    assert count_work(lambda: x.clone()) == Work(0, 2 * 96)


def test_an_expanded_number_is_read_once():
    one = torch.ones(1, 1)
    assert count_work(lambda: one.expand(100, 100).clone()).bytes_moved == 4 + 40_000


def test_in_place_operations_read_and_write():
    x = torch.ones(10)
    assert count_work(lambda: x.add_(1)).bytes_moved == 80
