"""The backward kernels: interpreted here beside float64, compiled, run where there is a GPU."""

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the kernels' inputs are tensors")
triton = pytest.importorskip("triton", reason="the kernels are written in Triton")

from coursekit.errors import ShapeError  # noqa: E402
from coursekit.pytorch import triton_attention_backward as backward  # noqa: E402

SCRIPT = Path(__file__).parent / "interpret_triton_backward.py"

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
def interpreted():
    """The largest errors of every case in every type, all from one process."""
    asked = list(product(CASES, TOLERANCE))
    done = subprocess.run(
        [sys.executable, SCRIPT],
        input=json.dumps([(CASES[case], dtype) for case, dtype in asked]),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(asked, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_interpreted_they_give_the_float64_gradients(interpreted, case, dtype):
    assert max(interpreted[case, dtype]) < TOLERANCE[dtype]


@pytest.mark.parametrize("kernel", ["_grad_query", "_grad_key_value"])
def test_they_compile_for_a_gpu_that_is_not_here(kernel, monkeypatch, tmp_path):
    """To machine code of an H100, with tensor cores, in the shared memory it has."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "1")  # the default; unset, it warns
    function = getattr(backward, kernel)
    sizes = {"HEAD_DIM": 128, "QUERY_TILE": 64, "KV_TILE": 64, "CAUSAL": True}
    scalars = {"num_rows": "i32", "num_keys": "i32", "group": "i32", "offset": "i32"}
    kinds = dict.fromkeys(function.arg_names, "*bf16") | scalars | {"scale": "fp32"}
    kinds |= dict.fromkeys(("log_sum_exp", "row_sums"), "*fp32") | dict.fromkeys(sizes, "constexpr")
    divisible = {(place,): [["tt.divisibility", 16]] for place in range(7)}
    made = triton.compile(
        ASTSource(function, kinds, sizes, divisible),
        target=GPUTarget("cuda", 90, 32),
        options={"num_warps": 4},
    )
    assert "mma" in made.asm["ptx"]
    assert made.metadata.shared <= 163 * 1024


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
