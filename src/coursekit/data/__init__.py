"""Small data sets with a known truth, made or bundled: nothing is ever downloaded."""

from .classification import Classification
from .digits import digits
from .linear_regression import linear_regression
from .regression import Regression
from .running_example import running_example
from .signals import signals
from .stored_sweeps import stored_sweep

__all__ = [
    "Classification",
    "Regression",
    "digits",
    "linear_regression",
    "running_example",
    "signals",
    "stored_sweep",
]
