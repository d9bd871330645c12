"""Everything that feeds batches to PyTorch, in one place to import from."""

from .loaders_in_memory import TensorLoader
from .loaders_index_batches import OrderBatchSampler
from .loaders_ragged import pad_collate
from .loaders_rebuilt import RebuiltLoader
from .loaders_streaming import ShardedStream

__all__ = ["OrderBatchSampler", "RebuiltLoader", "ShardedStream", "TensorLoader", "pad_collate"]
