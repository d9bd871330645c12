"""The backward kernels: interpreted here beside float64, compiled, run where there is a GPU."""

from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the kernels' inputs are tensors")
triton = pytest.importorskip("triton", reason="the kernels are written in Triton")

from coursekit.errors import ShapeError  # noqa: E402
from coursekit.pytorch import triton_attention_backward as backward  # noqa: E402

# Name: heads, kv_heads, n, m, head_dim, causal, offset. Tiles are 128 × 64 and 64 × 64, in float32
# 64 × 32 and 32 × 32.
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
    return interpret("triton_backward_errors.py", CASES, TOLERANCE)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_interpreted_they_give_the_float64_gradients(interpreted, case, dtype):
    assert max(interpreted[case, dtype]) < TOLERANCE[dtype]


LARGE, SMALL = {"num_warps": 8, "num_stages": 3}, {"num_warps": 4, "num_stages": 2}


@pytest.mark.parametrize(
    ("capability", "instruction", "kernel", "results", "rows", "options"),
    [
        (80, "mma.sync", "_grad_query", ["grad_query"], 128, LARGE),
        (86, "mma.sync", "_grad_query", ["grad_query"], 64, SMALL),
        (90, "wgmma", "_grad_query", ["grad_query"], 128, LARGE),
        (80, "mma.sync", "_grad_key_value", ["grad_key", "grad_value"], 64, SMALL),
        (86, "mma.sync", "_grad_key_value", ["grad_key", "grad_value"], 64, SMALL),
        (90, "wgmma", "_grad_key_value", ["grad_key", "grad_value"], 64, SMALL),
    ],
)
def test_they_compile_to_machine_code_with_tensor_cores(
    compile_for_gpu, capability, instruction, kernel, results, rows, options
):
    of_queries, of_keys, per_row = f"bf16[1,{rows},128]", "bf16[1,64,128]", f"fp32[1,{rows}]"
    kinds = dict.fromkeys(("query", "grad_output", "output"), of_queries)
    kinds |= dict.fromkeys(("key", "value"), of_keys)
    kinds |= dict.fromkeys(results, of_queries if kernel == "_grad_query" else of_keys)
    kinds |= dict.fromkeys(("log_sums", "row_sums"), per_row)
    kinds = {name: f"tensordesc<{kind}>" for name, kind in kinds.items()}
    kernel = getattr(backward, kernel)
    kinds = {name: kind for name, kind in kinds.items() if name in kernel.arg_names}
    kinds |= {"log_sum_exp": "*fp32"} if "log_sum_exp" in kernel.arg_names else {}
    sizes = {"HEAD_DIM": 128, "QUERY_TILE": rows, "KV_TILE": 64, "CAUSAL": True}
    made = compile_for_gpu(kernel, kinds, sizes, capability, **options)
    assert instruction in made.asm["ptx"]


@pytest.fixture(scope="module")
def on_gpu(run_on_gpu):
    return run_on_gpu("triton_backward_errors.py", CASES, TOLERANCE)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_they_give_the_float64_gradients(on_gpu, case, dtype):
    assert max(on_gpu[case, dtype]) < TOLERANCE[dtype]


@pytest.mark.parametrize(("kib", "rows"), [(99, 64), (163, 128), (227, 128)])
def test_a_gpu_with_little_shared_memory_gets_smaller_tiles(monkeypatch, kib, rows):
    """Beside the tiles that the test above compiles for it."""
    utils = SimpleNamespace(get_device_properties=lambda index: {"max_shared_mem": kib * 1024})
    driver = SimpleNamespace(active=SimpleNamespace(utils=utils))
    monkeypatch.setattr(triton.runtime, "driver", driver)
    on_gpu = SimpleNamespace(dtype=torch.bfloat16, is_cuda=True, device=torch.device("cuda", 0))
    assert backward._grad_query_tiles(on_gpu)[0] == rows


def test_what_the_kernels_cannot_do_is_refused():
    x = torch.ones(1, 2, 4, 16)
    with pytest.raises(ShapeError, match="one of float16"):
        backward.triton_attention_backward(*[x.double()] * 5, torch.ones(1, 2, 4))
    with pytest.raises(ShapeError, match="grad_output"):
        backward.triton_attention_backward(x[:, :, :2], x, x, x, x, torch.ones(1, 2, 4))
