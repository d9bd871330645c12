"""Attention in torch against NumPy's float64, the library's kernel, and numerical gradients."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="this is attention in torch")

from torch.nn import functional  # noqa: E402

from coursekit import attention as numpy_road  # noqa: E402
from coursekit.errors import CourseError, ShapeError  # noqa: E402
from coursekit.pytorch.attention import naive_attention, tiled_attention  # noqa: E402


@st.composite
def cases(draw):
    kv_heads, group = draw(st.integers(1, 2)), draw(st.integers(1, 3))
    n, m, width = draw(st.integers(1, 20)), draw(st.integers(1, 20)), draw(st.integers(1, 5))
    causal = draw(st.booleans())
    rules = {"causal": causal, "offset": draw(st.integers(-n - 1, m + 1)) if causal else 0}
    tiles = {"query_tile": draw(st.integers(1, 24)), "kv_tile": draw(st.integers(1, 24))}
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    shapes = ((2, kv_heads * group, n, 4), (2, kv_heads, m, 4), (2, kv_heads, m, width))
    inputs = [torch.randn(s, generator=generator, dtype=torch.float64) for s in shapes]
    return [each.requires_grad_() for each in inputs], rules, tiles


@settings(max_examples=200)
@given(case=cases())
def test_output_and_gradients_are_those_of_the_numpy_road(case):
    inputs, rules, tiles = case
    arrays = [each.detach().numpy() for each in inputs]
    expected, log_sum_exp = numpy_road.tiled_attention(*arrays, **rules)
    grad_output = np.random.default_rng(0).normal(size=expected.shape)
    grads = numpy_road.tiled_attention_backward(
        grad_output, *arrays, expected, log_sum_exp, **rules
    )
    for road, more in ((tiled_attention, tiles), (naive_attention, {})):
        output = road(*inputs, **rules, **more)
        np.testing.assert_allclose(output.detach().numpy(), expected, rtol=0, atol=1e-12)
        found = torch.autograd.grad(output, inputs, torch.from_numpy(grad_output))
        for one, other in zip(found, grads, strict=True):
            np.testing.assert_allclose(one.numpy(), other, rtol=0, atol=1e-12)


def test_gradients_pass_torch_s_own_numerical_check():
    torch.manual_seed(0)
    inputs = [torch.randn(1, h, 5, 3, dtype=torch.float64, requires_grad=True) for h in (2, 1, 1)]

    def road(*tensors):
        return tiled_attention(*tensors, causal=True, offset=1, query_tile=2, kv_tile=3)

    assert torch.autograd.gradcheck(road, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_small_types_are_added_up_in_float32_and_returned_as_they_came(dtype):
    torch.manual_seed(0)
    inputs = [torch.randn(1, 2, 70, 16, dtype=torch.float64).to(dtype) for _ in range(3)]
    output = tiled_attention(*inputs, causal=True, query_tile=16, kv_tile=32)
    assert output.dtype == dtype
    exact = naive_attention(*(each.double() for each in inputs), causal=True)
    step = torch.finfo(dtype).eps
    assert (output.double() - exact).abs().max() < 4 * step * exact.abs().max()


def test_it_is_the_library_s_answer():
    torch.manual_seed(0)
    query = torch.randn(2, 4, 33, 8, dtype=torch.float64)
    key, value = torch.randn(2, 2, 2, 33, 8, dtype=torch.float64)
    expected = functional.scaled_dot_product_attention(
        query, key, value, is_causal=True, enable_gqa=True
    )
    found = tiled_attention(query, key, value, causal=True, query_tile=8, kv_tile=16)
    assert (found - expected).abs().max() < 1e-12


def test_nothing_the_size_of_the_table_is_kept_for_the_backward_pass():
    from coursekit.pytorch.accumulation_memory import KeptForBackward

    torch.manual_seed(0)
    inputs = [torch.randn(1, 1, 512, 8, requires_grad=True) for _ in range(3)]
    kept = {}
    for road in (naive_attention, tiled_attention):
        with KeptForBackward(inputs) as counter:
            road(*inputs)
        kept[road] = counter.peak
    assert kept[naive_attention] >= 4 * 512**2
    assert kept[tiled_attention] == 4 * 512 * (8 + 1)  # the output, and one number a row


ONE = torch.ones(1, 2, 4, 3)


def test_what_does_not_fit_is_refused():
    for road in (naive_attention, tiled_attention):
        with pytest.raises(ShapeError, match="that fit each other"):
            road(ONE, ONE[..., :2], ONE)
        with pytest.raises(ShapeError, match="multiple of key heads"):
            road(ONE, ONE.repeat(1, 2, 1, 1), ONE.repeat(1, 2, 1, 1))
        with pytest.raises(CourseError, match="set causal too"):
            road(ONE, ONE, ONE, offset=2)
    with pytest.raises(CourseError, match="at least 1 row"):
        tiled_attention(ONE, ONE, ONE, query_tile=0)
