"""The backward kernels: interpreted here beside float64, compiled, run where there is a GPU."""

import pytest

torch = pytest.importorskip("torch", reason="the kernels' inputs are tensors")
triton = pytest.importorskip("triton", reason="the kernels are written in Triton")

from coursekit.errors import ShapeError  # noqa: E402
from coursekit.pytorch import triton_attention_backward as backward  # noqa: E402

# Name: heads, kv_heads, n, m, head_dim, causal, offset. Tiles are 64 × 64, in float32 32 × 32.
CASES = {
    "one of each": (1, 1, 1, 1, 16, False, 0),
    "exactly the tiles": (1, 1, 64, 64, 32, False, 0),
    "ragged": (2, 2, 70, 50, 32, False, 0),
    "causal, ragged, grouped": (4, 2, 70, 70, 64, True, 0),
    "wide heads": (1, 1, 40, 40, 128, True, 0),
    "queries after a cache": (4, 2, 37, 65, 32, True, 28),
    "rows without keys": (1, 1, 70, 50, 16, True, -20),
    "no keys at all": (1, 1, 5, 5, 16, True, -5),
}
# Gradients here are of size 4; weights and their gradients are rounded to the inputs' type.
TOLERANCE = {"float32": 4e-6, "float16": 8e-3, "bfloat16": 8e-2}


@pytest.fixture(scope="module")
def interpreted(interpret):
    return interpret("interpret_triton_backward.py", CASES, TOLERANCE)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_interpreted_they_give_the_float64_gradients(interpreted, case, dtype):
    assert max(interpreted[case, dtype]) < TOLERANCE[dtype]


@pytest.mark.parametrize(
    ("kernel", "results"),
    [("_grad_query", ["grad_query"]), ("_grad_key_value", ["grad_key", "grad_value"])],
)
def test_they_compile_to_machine_code_with_tensor_cores(compile_for_gpu, kernel, results):
    kinds = dict.fromkeys(["query", "key", "value", "grad_output", *results], "*bf16")
    kinds |= dict.fromkeys(("log_sum_exp", "row_sums"), "*fp32")
    sizes = {"HEAD_DIM": 128, "QUERY_TILE": 64, "KV_TILE": 64, "CAUSAL": True}
    made = compile_for_gpu(getattr(backward, kernel), kinds, sizes, num_warps=4)
    assert "mma" in made.asm["ptx"]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_on_a_gpu_they_give_what_autograd_gives():
    from coursekit.pytorch.attention import naive_attention
    from coursekit.pytorch.triton_attention import triton_attention

    torch.manual_seed(0)
    shapes = ((2, 4, 70, 64), (2, 2, 70, 64), (2, 2, 70, 64))
    inputs = [torch.randn(shape, device="cuda") for shape in shapes]
    doubles = [each.double().requires_grad_() for each in inputs]
    output = naive_attention(*doubles, causal=True)
    grad = torch.randn_like(output)
    expected = torch.autograd.grad(output, doubles, grad)
    forward = triton_attention(*inputs, causal=True)
    found = backward.triton_attention_backward(grad.float(), *inputs, *forward, causal=True)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.double() - theirs).abs().max() < TOLERANCE["float32"]


def test_what_the_kernels_cannot_do_is_refused():
    x = torch.ones(1, 2, 4, 16)
    with pytest.raises(ShapeError, match="one of float16"):
        backward.triton_attention_backward(*[x.double()] * 5, torch.ones(1, 2, 4))
    with pytest.raises(ShapeError, match="grad_output"):
        backward.triton_attention_backward(x[:, :, :2], x, x, x, x, torch.ones(1, 2, 4))
