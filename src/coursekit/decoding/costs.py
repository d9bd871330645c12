"""What decoding costs: multiplications, cache bytes, and the arithmetic intensity of a step."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ShapeError
from .model import Gpt, GptConfig


def multiplications(config: GptConfig, *, num_tokens: int, num_seen: int, num_logits: int) -> int:
    """Multiplications in the matrix products of one pass.

    ``num_tokens`` tokens are fed, each is compared with ``num_seen`` keys (masked ones are
    computed too), and ``num_logits`` positions get logits.
    """
    c = config.width
    layer = num_tokens * (12 * c * c + 2 * num_seen * c)
    return config.num_layers * layer + num_logits * c * config.vocab_size


def multiplications_by_recompute(config: GptConfig, *, length: int) -> int:
    """Generate ``length`` tokens from a prompt of one token, all recomputed for each."""
    return sum(
        multiplications(config, num_tokens=seen, num_seen=seen, num_logits=seen)
        for seen in range(1, length + 1)
    )


def multiplications_with_cache(config: GptConfig, *, length: int) -> int:
    """Generate ``length`` tokens from a prompt of one token, each fed once."""
    return sum(
        multiplications(config, num_tokens=1, num_seen=seen, num_logits=1)
        for seen in range(1, length + 1)
    )


def scores_by_recompute(config: GptConfig, *, length: int) -> int:
    """Scores that recomputing makes, layers · heads · seen² for each token.

    A multiplication inside a product is cheap. A score is not: it is scaled, masked, compared and
    exponentiated, and passes through memory each time.
    """
    tables = sum(seen * seen for seen in range(1, length + 1))
    return config.num_layers * config.num_heads * tables


def fit_seconds(counts: ArrayLike, seconds: ArrayLike) -> NDArray[np.float64]:
    """What one of each costs, in seconds, by the smallest relative error.

    ``counts`` has shape ``(num_runs, num_kinds)``, for example passes, multiplications and scores
    of each run, ``seconds`` shape ``(num_runs,)``. The prediction is ``counts @ result``.

    Raises
    ------
    ShapeError
        When there is not one time for each run, or there are fewer runs than kinds.
    """
    c, s = np.asarray(counts, dtype=float), np.asarray(seconds, dtype=float)
    if c.ndim != 2 or s.shape != c.shape[:1] or len(c) < c.shape[1]:
        raise ShapeError(
            f"counts {c.shape}, seconds {s.shape}; they need (num_runs, num_kinds) and "
            "(num_runs,), with at least as many runs as kinds."
        )
    largest = c.max(axis=0)  # counts differ by many powers of ten
    cost: NDArray[np.float64] = np.linalg.lstsq(c / largest / s[:, None], np.ones(len(s)))[0]
    per_unit: NDArray[np.float64] = cost / largest
    return per_unit


def cache_bytes(
    *, num_layers: int, num_kv_heads: int, head_dim: int, num_tokens: int, bytes_per_number: int
) -> int:
    """Memory of keys and values: 2 · layers · key-value heads · head_dim · tokens · bytes."""
    return 2 * num_layers * num_kv_heads * head_dim * num_tokens * bytes_per_number


def step_intensity(
    config: GptConfig, *, batch_size: int, num_seen: int, bytes_per_number: int
) -> tuple[float, float]:
    """FLOP of one decode step and the bytes it must read, at the least.

    The weights are read once whatever the batch size; each row reads its own keys and values.
    A multiplication and its addition are 2 FLOP. Of the embeddings only the output matrix counts.
    """
    products = multiplications(
        config, num_tokens=batch_size, num_seen=num_seen, num_logits=batch_size
    )
    c = config.width
    weights = config.num_layers * 12 * c * c + config.vocab_size * c
    cache = cache_bytes(
        num_layers=config.num_layers,
        num_kv_heads=config.num_heads,
        head_dim=config.head_dim,
        num_tokens=batch_size * num_seen,
        bytes_per_number=bytes_per_number,
    )
    return 2.0 * products, float(weights * bytes_per_number + cache)


class _Counting(np.ndarray):
    """An array that counts the multiplications of every matrix product it takes part in."""

    total = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [np.asarray(x) if isinstance(x, np.ndarray) else x for x in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(np.asarray(x) for x in kwargs["out"])
        result = getattr(ufunc, method)(*plain, **kwargs)
        if ufunc is np.matmul:
            _Counting.total += result.size * plain[0].shape[-1]
        return result.view(_Counting) if isinstance(result, np.ndarray) else result


class MultiplicationCounter:
    """A copy of a model that counts its multiplications as they happen.

    ``with MultiplicationCounter(model) as counter:`` use ``counter.model``, then read
    ``counter.total``.
    """

    def __init__(self, model: Gpt) -> None:
        """Wrap the weights; the counting follows everything computed from them."""
        weights = {name: weight.view(_Counting) for name, weight in model.weights.items()}
        self.model = Gpt(model.config, weights)
        self.total = 0

    def __enter__(self) -> MultiplicationCounter:
        self._before = _Counting.total
        return self

    def __exit__(self, *_: object) -> None:
        self.total = _Counting.total - self._before
