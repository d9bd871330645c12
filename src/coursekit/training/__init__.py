"""Training: the loop, the models it trains by hand, and honest averages over batches.

Reading order: `least_squares` (a model and its gradient), `records` (what a step leaves behind),
`loop` (the loop), `averages` (from batches to epochs), `mlp` (the same loop, a network),
`accumulation` (several small passes, one step), `schedules` (the learning rate of each step).
"""

from .accumulation import accumulated_gradient, windows
from .averages import mean_over_batches
from .least_squares import LeastSquares
from .loop import train
from .mlp import Mlp
from .models import Model
from .records import StepRecord

__all__ = [
    "LeastSquares",
    "Mlp",
    "Model",
    "StepRecord",
    "accumulated_gradient",
    "mean_over_batches",
    "train",
    "windows",
]
