"""Gradients by recomputation: finite differences by hand, autograd over generated shapes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings

from coursekit.attention import attention, tiled_attention, tiled_attention_backward
from coursekit.errors import CourseError, ShapeError

from .test_attention import cases

torch = pytest.importorskip("torch", reason="autograd is the second road")


def by_tiles(inputs, grad_output, rules, tiles):
    output, log_sum_exp = tiled_attention(*inputs, **rules, **tiles)
    return tiled_attention_backward(grad_output, *inputs, output, log_sum_exp, **rules, **tiles)


def by_autograd(inputs, grad_output, rules):
    """The definition, in torch: a table, a softmax, rows without keys set to 0."""
    query, key, value = (torch.tensor(each, requires_grad=True) for each in inputs)
    group = query.shape[-3] // key.shape[-3]
    k, v = (each.repeat_interleave(group, dim=-3) for each in (key, value))
    scores = query @ k.mT / math.sqrt(query.shape[-1])
    if rules["causal"]:
        n, m = scores.shape[-2:]
        visible = torch.ones(n, m, dtype=torch.bool).tril(rules["offset"])
        scores = scores.masked_fill(~visible, -math.inf)
        scores = scores.masked_fill(~visible.any(-1, keepdim=True), 0)
        weights = scores.softmax(-1).masked_fill(~visible, 0)
    else:
        weights = scores.softmax(-1)
    grads = torch.autograd.grad(weights @ v, (query, key, value), torch.tensor(grad_output))
    return [each.numpy() for each in grads]


@settings(max_examples=200)
@given(case=cases())
def test_recomputed_gradients_are_autograd_s_on_any_shape(case):
    inputs, rules, tiles = case
    shape = attention(*inputs, **rules).shape
    grad_output = np.random.default_rng(0).normal(size=shape)
    found = by_tiles(inputs, grad_output, rules, tiles)
    for grad, expected in zip(found, by_autograd(inputs, grad_output, rules), strict=True):
        assert grad.shape == expected.shape
        scale = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(grad, expected, rtol=0, atol=1e-12 * scale)


def test_rows_without_keys_have_and_give_no_gradient():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(1, 6, 3)) for _ in range(3)]
    rules, tiles = {"causal": True, "offset": -2}, {"query_tile": 4, "kv_tile": 3}
    grad_output = rng.normal(size=(1, 6, 3))
    grads = by_tiles(inputs, grad_output, rules, tiles)
    assert (grads[0][:, :2] == 0).all()
    seeing = [inputs[0][:, 2:], inputs[1], inputs[2]]
    expected = by_autograd(seeing, grad_output[:, 2:], {"causal": True, "offset": 0})
    np.testing.assert_allclose(grads[0][:, 2:], expected[0], atol=1e-12)
    for found, other in zip(grads[1:], expected[1:], strict=True):
        np.testing.assert_allclose(found, other, atol=1e-12)


def test_finite_differences_by_hand():
    """Every entry of every input moved by ±1e-6, one at a time: (f(x + h) - f(x - h)) / 2h."""
    rng = np.random.default_rng(1)
    query, key, value = (rng.normal(size=(heads, 5, 2)) for heads in (2, 1, 1))
    inputs, rules, tiles = [query, key, value], {"causal": True, "offset": 1}, {"kv_tile": 2}
    grad_output = rng.normal(size=(2, 5, 2))
    for number, found in enumerate(by_tiles(inputs, grad_output, rules, tiles)):
        slopes = np.empty_like(found)
        for place in np.ndindex(found.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [each.copy() for each in inputs]
                moved[number][place] += step
                ends.append((attention(*moved, **rules) * grad_output).sum())
            slopes[place] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(found, slopes, atol=1e-8)  # h² and rounding over h


def test_float32_stays_float32():
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal((2, 40, 8), dtype=np.float32) for _ in range(3)]
    grads = by_tiles(inputs, inputs[0], {}, {"query_tile": 16, "kv_tile": 16})
    double = [each.astype(float) for each in inputs]
    exact = by_tiles(double, double[0], {}, {})
    for found, expected in zip(grads, exact, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=5e-6)


def test_results_of_another_forward_pass_are_refused():
    inputs = [np.ones((2, 4, 3))] * 3
    output, log_sum_exp = tiled_attention(*inputs)
    with pytest.raises(ShapeError, match=r"outputs of shape \(2, 4, 3\)"):
        tiled_attention_backward(output[:1], *inputs, output, log_sum_exp)
    with pytest.raises(ShapeError, match="one number for each row"):
        tiled_attention_backward(output, *inputs, output, log_sum_exp[:, :2])
    with pytest.raises(CourseError, match="at least 1 row"):
        tiled_attention_backward(output, *inputs, output, log_sum_exp, query_tile=0)
