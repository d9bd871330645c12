"""The paged decode kernel: interpreted here beside gather and SDPA, run where there is a GPU."""

import pytest

torch = pytest.importorskip("torch", reason="the kernel's inputs are tensors")
triton = pytest.importorskip("triton", reason="the kernel is written in Triton")

from coursekit.errors import CourseError, ShapeError  # noqa: E402
from coursekit.pytorch.triton_decoding import _decode, paged_decode  # noqa: E402

# Name: heads, kv_heads, head_dim, block_size, lengths, parts.
CASES = {
    "one token": (1, 1, 16, 16, [1], 1),
    "exactly a block, and one more": (2, 2, 32, 16, [16, 17], 1),
    "grouped heads, ragged": (8, 2, 64, 16, [5, 70, 33], 1),
    "a group of three": (6, 2, 16, 16, [40, 9], 1),
    "more heads in a group than a small product has": (40, 2, 16, 16, [35], 1),
    "wide heads, large blocks": (2, 1, 128, 64, [150, 64], 1),
    "blocks of five tokens": (4, 2, 16, 5, [3, 71], 1),
    "in parts, the last ones empty": (4, 2, 32, 16, [100, 3, 49], 4),
    "more parts than blocks": (2, 1, 16, 16, [20], 7),
}
TOLERANCE = {"float32": 2e-6, "float16": 2e-3, "bfloat16": 2e-2}  # a few units in the last place


@pytest.fixture(scope="module")
def interpreted(interpret):
    return interpret("triton_decoding_errors.py", CASES, TOLERANCE)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_interpreted_it_gives_what_gathering_gives(interpreted, case, dtype):
    assert interpreted[case, dtype] < TOLERANCE[dtype]


def test_it_compiles_to_machine_code_with_tensor_cores(compile_for_gpu):
    kinds = dict.fromkeys(("query", "keys", "values"), "*bf16")
    kinds |= dict.fromkeys(("output", "log_sum_exp"), "*fp32")
    kinds |= dict.fromkeys(("tables", "lengths"), "*i64")
    sizes = {"HEAD_DIM": 128, "BLOCK": 16, "GROUP": 8, "ROWS": 16, "STEP": 64}
    made = compile_for_gpu(_decode, kinds, sizes, num_warps=4, num_stages=3)
    assert "mma" in made.asm["ptx"]


@pytest.fixture(scope="module")
def on_gpu(run_on_gpu):
    return run_on_gpu("triton_decoding_errors.py", CASES, TOLERANCE)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_on_a_gpu_it_gives_what_gathering_gives(on_gpu, case, dtype):
    assert on_gpu[case, dtype] < TOLERANCE[dtype]


QUERY, POOL = torch.ones(2, 4, 16), torch.ones(5, 2, 16, 16)
TABLES, LENGTHS = torch.zeros(2, 3, dtype=torch.long), torch.tensor([1, 48])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((QUERY[0], POOL, POOL, TABLES, LENGTHS), "need"),
        ((QUERY, POOL, POOL[:4], TABLES, LENGTHS), "need"),
        ((QUERY, POOL, POOL, TABLES[:1], LENGTHS), "every sequence"),
        ((QUERY, POOL, POOL, TABLES, LENGTHS[:1]), "every sequence"),
        ((QUERY[:, :3], POOL, POOL, TABLES, LENGTHS), "multiple of kv_heads"),
        ((QUERY[..., :8], POOL[..., :8], POOL[..., :8], TABLES, LENGTHS), "a power of 2"),
        ((QUERY.half(), POOL, POOL, TABLES, LENGTHS), "one of float16, bfloat16, float32"),
        ((QUERY, POOL.transpose(0, 1).contiguous().transpose(0, 1), POOL, TABLES, LENGTHS), "cont"),
        ((QUERY, POOL, POOL, TABLES, LENGTHS - 1), "lengths go from 0 to 47"),
        ((QUERY, POOL, POOL, TABLES, LENGTHS + 1), "at most 3 blocks of 16"),
    ],
)
def test_what_the_kernel_cannot_do_is_refused(inputs, message):
    with pytest.raises(ShapeError, match=message):
        paged_decode(*inputs)


def test_parts_and_the_missing_gpu_are_refused():
    with pytest.raises(CourseError, match="parts=0"):
        paged_decode(QUERY, POOL, POOL, TABLES, LENGTHS, parts=0)
    with pytest.raises(CourseError, match="not on a GPU; move them there, or set TRITON_INTERPRET"):
        paged_decode(QUERY, POOL, POOL, TABLES, LENGTHS)
