"""How much memory a call of attention needs beyond its inputs, measured in a process of its own.

A count of allocations inside Python misses what libraries take, and the process that measures has
a past: memory that was freed but not given back would hide what is taken now. So each measurement
starts a fresh process, and asks the kernel for the highest resident size since a moment we choose.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ..errors import CourseError

CLEAR = Path("/proc/self/clear_refs")

_SCRIPT = """
import importlib, sys
from pathlib import Path
import numpy as np

module, function = sys.argv[1].split(":")
heads, seq_len, head_dim = map(int, sys.argv[2:])
run = getattr(importlib.import_module(module), function)
rng = np.random.default_rng(0)
shape = (heads, seq_len, head_dim)
arrays = [rng.standard_normal(shape, dtype=np.float32) for _ in range(3)]
if "torch" in sys.modules:
    import torch
    torch.set_num_threads(1)
    arrays = [torch.from_numpy(array)[None] for array in arrays]

def highest():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))

run(*(array[..., :64, :] for array in arrays), causal=True)  # whatever is loaded once
Path("/proc/self/clear_refs").write_text("5")  # highest := what there is now
before = highest()
result = run(*arrays, causal=True)
print((highest() - before) * 1024)
"""


def extra_memory(function: str, *, num_heads: int, seq_len: int, head_dim: int) -> int:
    """Bytes that ``function(query, key, value, causal=True)`` needs at its peak, result included.

    ``function`` is named ``"module:name"``, for example ``"coursekit.attention:attention"``; it
    gets float32 arrays of shape ``(num_heads, seq_len, head_dim)``, or tensors with a batch
    dimension of 1 before that if its module imports torch. One thread. To within a few pages of
    4096 bytes.

    Raises
    ------
    CourseError
        Where there is no Linux kernel to ask, or the call failed.
    """
    if not CLEAR.exists():
        raise CourseError("peak memory is read from /proc/self, which only Linux has.")
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    exact = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # arrays go back to the kernel when they are freed
    sizes = [str(size) for size in (num_heads, seq_len, head_dim)]
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, function, *sizes],
        capture_output=True,
        text=True,
        env={**os.environ, **one_thread, **exact},
    )
    if done.returncode:
        reason = done.stderr.strip().rpartition("\n")[2]
        raise CourseError(f"{function} could not be measured: {reason}")
    return int(done.stdout)
