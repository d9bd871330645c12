"""What a batch costs on a machine: time, memory, and which of two limits decides.

Reading order: `throughput` (seconds of a step, and the knee), `memory` (bytes of a step, and the
largest batch), `roofline` (operations and bytes moved, counted), `lines` (how a line is fitted).
"""

from .memory import MemoryModel, fit_memory_model, training_state_bytes
from .roofline import Work, attainable_flops, linear_step, mlp_step, ridge
from .throughput import (
    TimeModel,
    fit_time_model,
    half_batch_interval,
    measure_seconds,
    undisturbed,
)

__all__ = [
    "MemoryModel",
    "TimeModel",
    "Work",
    "attainable_flops",
    "fit_memory_model",
    "fit_time_model",
    "half_batch_interval",
    "linear_step",
    "measure_seconds",
    "mlp_step",
    "ridge",
    "training_state_bytes",
    "undisturbed",
]
