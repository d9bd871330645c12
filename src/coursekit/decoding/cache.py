"""The KV cache in its simplest form: one rectangle, a row for each sequence, a column a position.

Text is fed in two ways. *Prefill* takes many tokens of a prompt in one pass and only fills the
cache. *Decode* takes the newest token of each row and gives the logits of the one after it. The
last token of the prompt is left to the first decode step, so that n new tokens are n steps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .model import Array, Attend, Gpt, GptConfig, Tokens, attention


class KvCache:
    """Keys and values of ``num_rows`` sequences with room for ``capacity`` tokens each."""

    def __init__(
        self, config: GptConfig, *, num_rows: int, capacity: int, dtype: np.dtype[Any]
    ) -> None:
        """Reserve all of it at once."""
        shape = (config.num_layers, num_rows, config.num_heads, capacity, config.head_dim)
        self.keys, self.values = np.zeros(shape, dtype), np.zeros(shape, dtype)

    def prefill(self, model: Gpt, tokens: Tokens) -> None:
        """Compute and keep keys and values of ``tokens``, shape (rows, T), at positions 0 to T-1.

        Rows of unequal length are padded at the end: no token looks to its right, so the padding
        changes nothing before it, and decode overwrites it.
        """
        length = tokens.shape[1]

        def attend(layer: int, query: Array, key: Array, value: Array) -> Array:
            self.keys[layer, :, :, :length] = key
            self.values[layer, :, :, :length] = value
            return attention(query, key, value, ~np.tri(length, dtype=bool))

        model.hidden(tokens, np.broadcast_to(np.arange(length), tokens.shape), attend)

    def decode(self, model: Gpt, tokens: Tokens, positions: Tokens) -> Array:
        """Feed one token a row, at a position of its own; the logits of the next, (rows, V)."""
        hidden = model.hidden(tokens[:, None], positions[:, None], self._attend_at(positions))
        return model.logits(hidden[:, 0])

    def _attend_at(self, positions: Tokens) -> Attend:
        rows, longest = np.arange(len(positions)), int(positions.max()) + 1
        empty = after_the_end(positions, longest)

        def attend(layer: int, query: Array, key: Array, value: Array) -> Array:
            keys, values = self.keys[layer], self.values[layer]
            keys[rows, :, positions] = key[:, :, 0]
            values[rows, :, positions] = value[:, :, 0]
            return attention(query, keys[:, :, :longest], values[:, :, :longest], empty)

        return attend


def after_the_end(positions: Tokens, longest: int) -> Array | None:
    """Where each row's sequence has ended, (rows, 1, 1, longest); None where all are equally long.

    What stands there is padding or left over from before, and must not be looked at.
    """
    if (positions == longest - 1).all():
        return None
    ended: Array = (np.arange(longest) > positions[:, None])[:, None, None]
    return ended
