"""Static batching: a batch starts together, and its last request decides when it ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .cache import KvCache
from .model import Gpt
from .records import Run, Step
from .requests import Request, RequestError, check_request


def decode_batch(model: Gpt, requests: Sequence[Request]) -> Run:
    """Decode a batch as one rectangle: prompts padded to the longest, rows kept to the end.

    Raises
    ------
    RequestError
        For the first request that cannot be served, or an id that came twice.
    """
    _check_all(model, requests)
    config, run = model.config, Run({request.id: [] for request in requests})
    longest = max(len(request.prompt) for request in requests)
    most_new = max(request.num_new for request in requests)
    capacity = max(longest, max(request.num_cached for request in requests))
    cache = KvCache(config, num_rows=len(requests), capacity=capacity, dtype=model.dtype)
    prompts = np.zeros((len(requests), longest), np.int64)
    for row, request in zip(prompts, requests, strict=True):
        row[: len(request.prompt)] = request.prompt
    if longest > 1:
        cache.prefill(model, prompts[:, :-1])
    lengths = np.array([len(request.prompt) for request in requests])
    tokens = prompts[np.arange(len(requests)), lengths - 1]
    for step in range(most_new):
        # A finished row is computed all the same; it must only stay inside its memory.
        positions = np.minimum(lengths - 1 + step, capacity - 1)
        tokens = cache.decode(model, tokens, positions).argmax(axis=-1)
        running = [i for i, request in enumerate(requests) if step < request.num_new]
        for i in running:
            run.tokens[requests[i].id].append(int(tokens[i]))
        run.steps.append(
            Step(
                running=tuple(requests[i].id for i in running),
                rows=len(requests),
                prefilled=(longest - 1) * len(requests) if step == 0 else 0,
                tokens_cached=sum(int(positions[i]) + 1 for i in running),
                tokens_reserved=capacity * len(requests),
                finished=tuple(requests[i].id for i in running if step + 1 == requests[i].num_new),
            )
        )
    return run


def static_batching(
    model: Gpt, requests: Sequence[Request], *, batch_size: int, sort: bool = False
) -> Run:
    """Serve requests in batches of ``batch_size``, one batch after the other.

    ``sort`` puts requests with similar ``num_new`` together. That needs an oracle: in real use
    nobody knows beforehand when a text ends.

    Raises
    ------
    RequestError
        Before anything is computed, when a request cannot be served or an id came twice.
    """
    if batch_size < 1:
        raise RequestError(f"batch_size={batch_size}; a batch holds at least 1 request.")
    _check_all(model, requests)
    run = Run()
    ordered = sorted(requests, key=lambda request: request.num_new) if sort else requests
    for start in range(0, len(ordered), batch_size):
        batch = decode_batch(model, ordered[start : start + batch_size])
        run.tokens |= batch.tokens
        run.steps += batch.steps
    return run


def _check_all(model: Gpt, requests: Sequence[Request]) -> None:
    seen = set()
    for request in requests:
        check_request(request, model.config)
        if request.id in seen:
            raise RequestError(f"request {request.id!r} came twice; give each an id of its own.")
        seen.add(request.id)
