"""What the tests of the Triton kernels share: how a kernel is interpreted, and how compiled.

The interpreter executes each step of a kernel with NumPy. What it cannot show, that the kernel is
something a GPU can run, the compiler shows: it makes machine code without a GPU.
"""

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

SHARED = {80: 163, 86: 99, 90: 227}  # KiB a program can have: A100, GPUs for a desk, H100


@pytest.fixture(scope="session")
def interpret():
    """``interpret(script, cases, dtypes)``: what the script says of each case in each type.

    All from one process, and not this one: Triton decides at its first import whether kernels are
    interpreted.
    """
    return lambda script, cases, dtypes: _ask(script, cases, dtypes, TRITON_INTERPRET="1")


@pytest.fixture(scope="session")
def run_on_gpu():
    """The same of the same script, the kernels compiled and on the GPU that is here."""
    import torch

    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("the kernels need a GPU of compute capability 8.0 (A100) or more")
    return lambda script, cases, dtypes: _ask(script, cases, dtypes, TRITON_INTERPRET="0")


def _ask(script, cases, dtypes, **environment):
    asked = list(product(cases, dtypes))
    done = subprocess.run(
        [sys.executable, Path(__file__).with_name(script)],
        input=json.dumps([(cases[case], dtype) for case, dtype in asked]),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(asked, json.loads(done.stdout), strict=True))


@pytest.fixture
def compile_for_gpu(monkeypatch, tmp_path):
    """``compile_for_gpu(kernel, kinds, sizes, capability)``: the kernel for a GPU that is not here.

    ``kinds`` says what the pointers point to; all else is a whole number, but the scale.
    """

    def compiled(kernel, kinds, sizes, capability=90, **options):
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource

        monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
        monkeypatch.setenv("TRITON_DEFAULT_FP_FUSION", "1")  # the default; unset, it warns
        kinds = dict.fromkeys(kernel.arg_names, "i32") | {"scale": "fp32"} | kinds
        kinds |= dict.fromkeys(sizes, "constexpr")
        pointers = [i for i, name in enumerate(kernel.arg_names) if kinds[name].startswith("*")]
        source = ASTSource(
            kernel, kinds, sizes, {(place,): [["tt.divisibility", 16]] for place in pointers}
        )
        made = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)
        assert made.asm["cubin"]
        assert made.metadata.shared <= SHARED[capability] * 1024
        return made

    return compiled
