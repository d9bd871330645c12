"""One request at a time, twice: with everything recomputed for each token, and with a cache."""

from __future__ import annotations

import numpy as np

from .cache import KvCache
from .model import Gpt
from .requests import Request, check_request


def decode_by_recompute(model: Gpt, request: Request) -> list[int]:
    """Greedy decoding with no memory: each new token costs a pass over the whole text so far."""
    check_request(request, model.config)
    text = list(request.prompt)
    for _ in range(request.num_new):
        logits = model(np.array(text))
        text.append(int(logits[0, -1].argmax()))
    return text[len(request.prompt) :]


def decode_with_cache(model: Gpt, request: Request) -> list[int]:
    """Greedy decoding with a KV cache: prefill the prompt, then one token a pass."""
    check_request(request, model.config)
    cache = KvCache(model.config, num_rows=1, capacity=request.num_cached, dtype=model.dtype)
    *past, token = request.prompt
    if past:
        cache.prefill(model, np.array([past]))
    new: list[int] = []
    for position in range(len(past), request.num_cached):
        logits = cache.decode(model, np.array([token]), np.array([position]))
        token = int(logits[0].argmax())
        new.append(token)
    return new
