"""Which examples go into a batch.

`orders` says in which sequence an epoch visits the examples, `batching` cuts it into batches.
"""

from .batching import batches, num_steps
from .orders import Order, in_order, reshuffle, shuffle_once, with_replacement

__all__ = [
    "Order",
    "batches",
    "in_order",
    "num_steps",
    "reshuffle",
    "shuffle_once",
    "with_replacement",
]
