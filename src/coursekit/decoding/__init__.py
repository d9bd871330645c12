"""Writing text token by token: a GPT in NumPy, its caches, and the scheduling of many requests.

Read in this order: `model` (the forward pass), `requests`, `cache` and `solo` (one request, with
and without memory), `static` (a batch as a rectangle), `blocks` and `paged` (memory in blocks),
`engine` (continuous batching), `costs` (what each of them costs), `ngram` (an honest rival).
"""

from .blocks import BlockAllocator, OutOfBlocksError
from .cache import KvCache
from .costs import (
    MultiplicationCounter,
    cache_bytes,
    fit_seconds,
    multiplications,
    multiplications_by_recompute,
    multiplications_with_cache,
    scores_by_recompute,
    step_intensity,
)
from .engine import Engine, continuous_batching
from .model import Gpt, GptConfig, attention, random_gpt
from .ngram import NgramModel
from .paged import PagedCache
from .records import Run, Step
from .requests import Request, RequestError, check_request
from .solo import decode_by_recompute, decode_with_cache
from .static import decode_batch, static_batching

__all__ = [
    "BlockAllocator",
    "Engine",
    "Gpt",
    "GptConfig",
    "KvCache",
    "MultiplicationCounter",
    "NgramModel",
    "OutOfBlocksError",
    "PagedCache",
    "Request",
    "RequestError",
    "Run",
    "Step",
    "attention",
    "cache_bytes",
    "check_request",
    "continuous_batching",
    "decode_batch",
    "decode_by_recompute",
    "decode_with_cache",
    "fit_seconds",
    "multiplications",
    "multiplications_by_recompute",
    "multiplications_with_cache",
    "random_gpt",
    "scores_by_recompute",
    "static_batching",
    "step_intensity",
]
