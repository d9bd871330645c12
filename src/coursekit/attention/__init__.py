"""Attention without the table of scores, in NumPy: exact, in float32 or float64.

Reading order: `reference` (the definition, with the table), `online_softmax` (a softmax in one
pass), `tiled` (both loops and the gradients), `traffic` (what each order of the loops moves
between slow and fast memory), `memory` (what a call needs, measured).
"""

from .memory import extra_memory
from .online_softmax import Running, online_average
from .reference import attention, softmax
from .tiled import tiled_attention, tiled_attention_backward
from .traffic import (
    Moved,
    keys_outside,
    keys_outside_formula,
    paper_tiles,
    queries_outside,
    queries_outside_formula,
    score_table_bytes,
    standard,
    standard_formula,
)

__all__ = [
    "Moved",
    "Running",
    "attention",
    "extra_memory",
    "keys_outside",
    "keys_outside_formula",
    "online_average",
    "paper_tiles",
    "queries_outside",
    "queries_outside_formula",
    "score_table_bytes",
    "softmax",
    "standard",
    "standard_formula",
    "tiled_attention",
    "tiled_attention_backward",
]
