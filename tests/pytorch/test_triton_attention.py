"""The forward kernel: interpreted, compiled for GPUs that are not here, run where there is one."""

import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="the kernel's inputs are tensors")
triton = pytest.importorskip("triton", reason="the kernel is written in Triton")

from coursekit.errors import CourseError, ShapeError  # noqa: E402
from coursekit.pytorch.triton_attention import (  # noqa: E402
    _forward,
    check_gpu,
    tiles,
    triton_attention,
)

# Name: heads, kv_heads, n, m, head_dim, causal, offset. Tiles are 128 × 64, in float32 64 × 32.
CASES = {
    "one of each": (1, 1, 1, 1, 16, False, 0),
    "exactly the tiles": (1, 1, 128, 128, 32, False, 0),
    "ragged": (2, 2, 131, 77, 64, False, 0),
    "causal, ragged": (2, 2, 200, 200, 64, True, 0),
    "wide heads": (1, 1, 140, 140, 128, True, 0),
    "grouped heads": (4, 2, 37, 65, 32, True, 28),
    "one query after a cache": (2, 1, 1, 150, 64, True, 149),
    "first row one key short of a tile": (1, 1, 70, 140, 16, True, 62),
    "rows without keys": (1, 1, 70, 50, 16, True, -20),
    "no keys at all": (1, 1, 5, 5, 16, True, -5),
}
TOLERANCE = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}  # a few units in the last place


@pytest.fixture(scope="module")
def interpreted(interpret):
    return interpret("triton_attention_errors.py", CASES, TOLERANCE)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_interpreted_it_gives_the_float64_answer(interpreted, case, dtype):
    error, error_of_sums = interpreted[case, dtype]
    assert error < TOLERANCE[dtype]
    assert error_of_sums < 1e-5  # float32 sums, whatever the inputs


@pytest.mark.parametrize(
    ("capability", "instruction"), [(80, "mma.sync"), (86, "mma.sync"), (90, "wgmma")]
)
@pytest.mark.parametrize("head_dim", [64, 128])
def test_it_compiles_to_machine_code_with_tensor_cores(
    compile_for_gpu, capability, instruction, head_dim
):
    """For A100, GPUs for a desk and H100, in the shared memory they have."""
    kinds = dict.fromkeys(("query", "output"), f"tensordesc<bf16[1,128,{head_dim}]>")
    kinds |= dict.fromkeys(("key", "value"), f"tensordesc<bf16[1,64,{head_dim}]>")
    kinds |= {"log_sum_exp": "*fp32"}
    sizes = {"HEAD_DIM": head_dim, "QUERY_TILE": 128, "KV_TILE": 64, "CAUSAL": True}
    made = compile_for_gpu(_forward, kinds, sizes, capability, num_warps=4, num_stages=2)
    assert instruction in made.asm["ptx"]


@pytest.fixture(scope="module")
def on_gpu(run_on_gpu):
    return run_on_gpu("triton_attention_errors.py", CASES, TOLERANCE)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_it_gives_the_float64_answer(on_gpu, case, dtype):
    error, error_of_sums = on_gpu[case, dtype]
    assert error < TOLERANCE[dtype]
    assert error_of_sums < 1e-5


WIDE, NARROW = torch.ones(2, 2, 4, 16), torch.ones(2, 1, 4, 16)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((WIDE[0], NARROW, NARROW), "three times"),
        ((WIDE, NARROW, NARROW[:, :, :2]), "three times"),
        ((NARROW, WIDE, WIDE), "multiple of key heads"),
        ((WIDE[..., :8], NARROW[..., :8], NARROW[..., :8]), r"one of \(16, 32, 64, 128\)"),
        ([torch.ones(1, 1, 1, 16).expand(256, 256, 1, 16)] * 3, "at most 65535 heads"),
        ((WIDE.half(), NARROW, NARROW), "one of float16, bfloat16, float32"),
        ((WIDE.double(), NARROW.double(), NARROW.double()), "one of float16, bfloat16, float32"),
    ],
)
def test_what_the_kernel_cannot_do_is_refused(inputs, message):
    with pytest.raises(ShapeError, match=message):
        triton_attention(*inputs)


def test_a_tensor_that_descriptors_cannot_describe_is_copied():
    """They need an address that 16 divides; a view may begin anywhere."""
    view = torch.arange(1 + 2 * 4 * 16.0)[1:].view(1, 2, 4, 16)
    assert view.is_contiguous()
    assert view.data_ptr() % 16
    described = tiles(view, 2)
    assert torch.equal(described.base, view[0])
    assert described.base.data_ptr() % 16 == 0
    assert tiles(WIDE, 2).base.data_ptr() == WIDE.data_ptr()


def test_an_offset_that_hides_nothing_is_refused():
    with pytest.raises(CourseError, match="set causal too"):
        triton_attention(WIDE, NARROW, NARROW, offset=1)


def test_without_a_gpu_and_without_the_interpreter_it_says_what_to_do():
    with pytest.raises(CourseError, match="not on a GPU; move them there, or set TRITON_INTERPRET"):
        triton_attention(WIDE, NARROW, NARROW)


def test_a_gpu_that_is_too_old_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    with pytest.raises(CourseError, match=r"Tesla T4 has compute capability 7\.5.*8\.0 \(A100\)"):
        check_gpu(torch.device("cuda", 0))


def test_without_triton_one_sentence_says_so():
    """In a process where Triton cannot be imported."""
    script = "import sys; sys.modules['triton'] = None; import coursekit.pytorch.triton_attention"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ
    )
    assert done.stderr.strip().endswith(
        "MissingPackageError: this module needs Triton 3.4 or later, which comes with PyTorch 2.8 "
        "for CUDA on Linux: pip install 'triton>=3.4'."
    )
