"""A GPT small enough to read: the forward pass, with attention left open for the caches to fill.

The weights have the names and shapes of GPT-2's, so that a model moves between this file, PyTorch
and other libraries unchanged. Source: A. Radford et al., Language Models are Unsupervised
Multitask Learners, 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import CourseError, ShapeError

Array = NDArray[Any]
Tokens = NDArray[np.int64]
Attend = Callable[[int, Array, Array, Array], Array]
"""``attend(layer, query, key, value)``, each of shape (B, H, T, D), gives (B, H, T, D)."""


@dataclass(frozen=True)
class GptConfig:
    """The sizes of a GPT. ``head_dim`` is D; the width C is ``num_heads * head_dim``."""

    vocab_size: int
    context_length: int
    num_layers: int
    num_heads: int
    head_dim: int

    @property
    def width(self) -> int:
        """Numbers that stand for one token between the layers, C."""
        return self.num_heads * self.head_dim

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name and shape of every weight, as in GPT-2; a matrix is stored (inputs, outputs)."""
        c = self.width
        shapes: dict[str, tuple[int, ...]] = {
            "wte.weight": (self.vocab_size, c),
            "wpe.weight": (self.context_length, c),
        }
        for layer in range(self.num_layers):
            block = {
                "ln_1": (c,),
                "attn.c_attn": (c, 3 * c),
                "attn.c_proj": (c, c),
                "ln_2": (c,),
                "mlp.c_fc": (c, 4 * c),
                "mlp.c_proj": (4 * c, c),
            }
            for name, shape in block.items():
                shapes[f"h.{layer}.{name}.weight"] = shape
                shapes[f"h.{layer}.{name}.bias"] = shape[-1:]
        return shapes | {"ln_f.weight": (c,), "ln_f.bias": (c,)}

    @property
    def num_params(self) -> int:
        """How many numbers the weights are."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())


class Gpt:
    """A GPT for inference: weights in, logits out. It holds no state; the cache is elsewhere."""

    def __init__(self, config: GptConfig, weights: Mapping[str, Array]) -> None:
        """Keep the weights, named and shaped as in `GptConfig.shapes`.

        Raises
        ------
        ShapeError
            When a weight is missing, unknown or of another shape.
        """
        found = {name: weight.shape for name, weight in weights.items()}
        for name in found.keys() | config.shapes.keys():
            if found.get(name) != config.shapes.get(name):
                raise ShapeError(
                    f"weight {name!r} has shape {found.get(name)}; this config needs "
                    f"{config.shapes.get(name)} (None: no such weight)."
                )
        self.config, self.weights = config, dict(weights)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type all is computed in: that of the weights."""
        return self.weights["wte.weight"].dtype

    def hidden(self, tokens: Tokens, positions: Tokens, attend: Attend) -> Array:
        """Run all layers. ``tokens`` and ``positions`` have shape (B, T), the result (B, T, C)."""
        x = self.weights["wte.weight"][tokens] + self.weights["wpe.weight"][positions]
        for layer in range(self.config.num_layers):
            block = f"h.{layer}."
            normed = self._norm(x, block + "ln_1")
            query, key, value = self._heads(self._linear(normed, block + "attn.c_attn"))
            mixed = attend(layer, query, key, value).transpose(0, 2, 1, 3).reshape(x.shape)
            x = x + self._linear(mixed, block + "attn.c_proj")
            normed = self._norm(x, block + "ln_2")
            x = x + self._linear(
                _gelu(self._linear(normed, block + "mlp.c_fc")), block + "mlp.c_proj"
            )
        return x

    def logits(self, hidden: Array) -> Array:
        """One score a token of the vocabulary: (..., C) to (..., vocab_size)."""
        scores: Array = self._norm(hidden, "ln_f") @ self.weights["wte.weight"].T
        return scores

    def __call__(self, tokens: Tokens) -> Array:
        """Logits at every position of whole sequences, with no cache: (B, T) to (B, T, V)."""
        tokens = np.atleast_2d(tokens)
        positions = np.broadcast_to(np.arange(tokens.shape[1]), tokens.shape)
        return self.logits(self.hidden(tokens, positions, attend_to_itself))

    def _norm(self, x: Array, name: str) -> Array:
        size = x.shape[-1]
        centered = x - x.sum(axis=-1, keepdims=True) / size
        variance = np.vecdot(centered, centered)[..., None] / size
        centered /= np.sqrt(variance + 1e-5)
        normed: Array = centered * self.weights[name + ".weight"] + self.weights[name + ".bias"]
        return normed

    def _linear(self, x: Array, name: str) -> Array:
        # One product for all tokens of all rows: a product a row would read the weights each time.
        tokens = x.reshape(-1, x.shape[-1])
        result = tokens @ self.weights[name + ".weight"] + self.weights[name + ".bias"]
        return result.reshape(*x.shape[:-1], -1)

    def _heads(self, qkv: Array) -> Array:
        batch, length, _ = qkv.shape
        shape = (batch, length, 3, self.config.num_heads, self.config.head_dim)
        return qkv.reshape(shape).transpose(2, 0, 3, 1, 4)


def attention(query: Array, keys: Array, values: Array, hidden: Array | None) -> Array:
    """Softmax attention: (..., T, D), (..., M, D) and (..., M, D) to (..., T, D).

    ``hidden`` is true where a query may not look, of a shape that broadcasts to (..., T, M).
    """
    scores = query @ keys.swapaxes(-1, -2) * query.dtype.type(query.shape[-1] ** -0.5)
    if hidden is not None:
        np.copyto(scores, -np.inf, where=hidden)
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    mixed: Array = (scores @ values) / scores.sum(axis=-1, keepdims=True)
    return mixed


def attend_to_itself(_: int, query: Array, key: Array, value: Array) -> Array:
    """Causal attention of a sequence to itself: what a forward pass without a cache does."""
    length = query.shape[2]
    return attention(query, key, value, ~np.tri(length, dtype=bool) if length > 1 else None)


def random_gpt(
    config: GptConfig,
    *,
    rng: np.random.Generator,
    gain: float = 3.0,
    dtype: type[np.floating[Any]] = np.float64,
) -> Gpt:
    """An untrained GPT. Matrices are normal with deviation ``gain`` divided by the root of C.

    At ``gain`` 3 greedy decoding wanders through the vocabulary; below 1 it soon repeats one token,
    and tests of decoding would prove little.
    """
    if min(config.num_layers, config.num_heads, config.head_dim) < 1:
        raise CourseError(f"{config} has a size below 1; every size must be at least 1.")
    deviation = gain / np.sqrt(config.width)
    weights: dict[str, Array] = {}
    for name, shape in config.shapes.items():
        if name.endswith("bias"):
            weights[name] = np.zeros(shape, dtype)
        elif len(shape) == 1:
            weights[name] = np.ones(shape, dtype)
        else:
            weights[name] = (deviation * rng.normal(size=shape)).astype(dtype)
    return Gpt(config, weights)


def _gelu(x: Array) -> Array:
    """GELU by its tanh form, as in GPT-2."""
    inner = x.dtype.type((2 / np.pi) ** 0.5) * (x + x.dtype.type(0.044715) * x * x * x)
    activated: Array = x.dtype.type(0.5) * x * (1 + np.tanh(inner))
    return activated
