"""Which examples go into a batch.

`orders` says in which sequence an epoch visits the examples, `batching` cuts it into batches.
`shuffle_buffer`, `paired_reversal`, `length_buckets` and `weighted` are more orders;
`shards` deals an order out to several ranks; `array_loader` hands out the rows themselves.
"""

from .array_loader import ArrayLoader
from .batching import batches, num_steps
from .length_buckets import Padding, count_padding, length_buckets
from .orders import Order, in_order, reshuffle, shuffle_once, with_replacement
from .paired_reversal import paired_reversal
from .shards import shard
from .shuffle_buffer import buffered, emission_chances, shuffled_stream
from .weighted import balancing_weights, weighted

__all__ = [
    "ArrayLoader",
    "Order",
    "Padding",
    "balancing_weights",
    "batches",
    "buffered",
    "count_padding",
    "emission_chances",
    "in_order",
    "length_buckets",
    "num_steps",
    "paired_reversal",
    "reshuffle",
    "shard",
    "shuffle_once",
    "shuffled_stream",
    "weighted",
    "with_replacement",
]
