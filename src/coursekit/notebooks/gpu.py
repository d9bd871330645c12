"""Is there a GPU for the cells tagged ``gpu``, and which?"""

from __future__ import annotations

import functools
import os
import subprocess
import sys

GPU_TAG = "gpu"


@functools.cache
def cuda_present() -> bool:
    """Whether PyTorch finds a CUDA device here; the environment's COURSEKIT_GPU=0 or 1 overrules.

    A process of its own asks, so that neither torch nor a CUDA context enters this one.
    """
    answer = os.environ.get("COURSEKIT_GPU")
    if answer in ("0", "1"):
        return answer == "1"
    question = "import torch, sys; sys.exit(not torch.cuda.is_available())"
    return subprocess.run([sys.executable, "-c", question], capture_output=True).returncode == 0


@functools.cache
def gpu_name() -> str | None:
    """The CUDA device that PyTorch finds here, or None, whatever COURSEKIT_GPU says."""
    question = "import torch; print(torch.cuda.get_device_name())"
    asked = subprocess.run([sys.executable, "-c", question], capture_output=True, text=True)
    return None if asked.returncode else asked.stdout.strip()
