"""What batch size should I use? Measured on the reader's own model, with the evidence.

``plan((model, loss_fn, dataset), memory_bytes=8e9)`` or, in a shell, ``coursekit plan
my_project.train:workload --memory 8GB``.

Reading order: `workload` (what is to be trained), `memory`, `speed` and `noise` (three
measurements), `advice` (the arithmetic that joins them), `trials` and `tuning` (learning rate and
warm-up, by trying), `race` (batch sizes, by trying, where a target loss is given), `plan` (all of
it), `remarks` (what the evidence does not show), `report`.
"""

from .plan import plan
from .records import Advice, Memory, Noise, NoiseAt, Plan, Speed, Trial
from .workload import Workload, load_workload

__all__ = [
    "Advice",
    "Memory",
    "Noise",
    "NoiseAt",
    "Plan",
    "Speed",
    "Trial",
    "Workload",
    "load_workload",
    "plan",
]
