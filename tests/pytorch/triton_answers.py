"""What a script needs that answers the fixtures `interpret` and `run_on_gpu`.

With TRITON_INTERPRET=1 the kernels run in Triton's interpreter, without on a GPU.
"""

import json
import sys
import warnings

import torch
from triton.runtime import interpreter

warnings.simplefilter("error")
DEVICE = "cpu" if interpreter.triton.knobs.runtime.interpret else "cuda"
multiply = interpreter.InterpreterBuilder.create_dot


def multiply_bfloat16_too(self, a, b, *rest):
    """The interpreter holds bfloat16 as bits, and its product would multiply the bits."""
    if a.dtype.scalar.is_bf16():
        a, b = (self.cast_impl(each, interpreter.tl.float32) for each in (a, b))
    return multiply(self, a, b, *rest)


interpreter.InterpreterBuilder.create_dot = multiply_bfloat16_too


def answer(errors):
    """JSON cases on stdin; what ``errors(case, dtype)`` says of each on stdout."""
    asked = json.load(sys.stdin)
    json.dump([errors(case, getattr(torch, dtype)) for case, dtype in asked], sys.stdout)
