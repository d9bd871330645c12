"""The small GPT in PyTorch: to train it, and to decode with the library's own attention.

Parameters have GPT-2's names but not its storage: `torch.nn.Linear` keeps a matrix as (outputs,
inputs). `to_numpy` turns them round.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..decoding import Gpt, GptConfig


class Block(nn.Module):
    """Attention, then a two-layer network, each added to what came in."""

    def __init__(self, config: GptConfig) -> None:
        """Weights of one layer."""
        super().__init__()
        c = config.width
        self.num_heads = config.num_heads
        self.ln_1, self.ln_2 = nn.LayerNorm(c), nn.LayerNorm(c)
        self.attn = nn.ModuleDict({"c_attn": nn.Linear(c, 3 * c), "c_proj": nn.Linear(c, c)})
        self.mlp = nn.ModuleDict({"c_fc": nn.Linear(c, 4 * c), "c_proj": nn.Linear(4 * c, c)})

    def forward(self, x: Tensor, past: list[Tensor] | None = None) -> Tensor:
        """(B, T, C) to (B, T, C). ``past`` holds keys and values so far and is extended."""
        batch, length, c = x.shape
        qkv: Tensor = self.attn["c_attn"](self.ln_1(x))
        query, key, value = qkv.view(batch, length, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        if past is not None:
            if past:
                key, value = torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2)
            past[:] = [key, value]
        # Several tokens are a prompt and look at their past only; one token may look at it all.
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=length > 1)
        x = x + self.attn["c_proj"](mixed.transpose(1, 2).reshape(batch, length, c))
        hidden = functional.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh")
        result: Tensor = x + self.mlp["c_proj"](hidden)
        return result


class TorchGpt(nn.Module):
    """The model of `coursekit.decoding.Gpt`, trainable."""

    def __init__(self, config: GptConfig) -> None:
        """Begin small: matrices that write into the stream start at zero."""
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocab_size, config.width)
        self.wpe = nn.Embedding(config.context_length, config.width)
        self.h = nn.ModuleList(Block(config) for _ in range(config.num_layers))
        self.ln_f = nn.LayerNorm(config.width)
        for embedding in (self.wte, self.wpe):
            nn.init.normal_(embedding.weight, std=0.02)
        for name, parameter in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Tensor, cache: list[list[Tensor]] | None = None) -> Tensor:
        """Logits (B, T, V) of tokens (B, T), which follow what the cache holds."""
        start = cache[0][0].shape[2] if cache and cache[0] else 0
        x = self.wte(tokens) + self.wpe.weight[start : start + tokens.shape[1]]
        for layer, block in enumerate(self.h):
            x = block(x, cache[layer] if cache is not None else None)
        return functional.linear(self.ln_f(x), self.wte.weight)


@torch.no_grad()
def greedy(model: TorchGpt, prompt: list[int], num_new: int) -> list[int]:
    """Greedy decoding with a cache that grows by concatenation: the usual PyTorch road."""
    cache: list[list[Tensor]] = [[] for _ in model.h]
    new: list[int] = []
    for _ in range(num_new):
        feed = new[-1:] or prompt
        new.append(int(model(torch.tensor([feed]), cache)[0, -1].argmax()))
    return new


def to_numpy(model: TorchGpt) -> Gpt:
    """The same weights in float64 NumPy."""
    weights: dict[str, np.ndarray[Any, Any]] = {}
    for name, parameter in model.state_dict().items():
        is_linear = name.startswith("h.") and parameter.ndim == 2
        weights[name] = (parameter.T if is_linear else parameter).double().numpy().copy()
    return Gpt(model.config, weights)


def to_torch(model: Gpt) -> TorchGpt:
    """The same weights in a PyTorch module, in the type they have."""
    module = TorchGpt(model.config).to(torch.from_numpy(np.zeros(1, model.dtype)).dtype)
    state = {
        name: torch.from_numpy(weight.T if name.startswith("h.") else weight).contiguous()
        for name, weight in model.weights.items()
    }
    module.load_state_dict(state)
    return module


def train(
    model: TorchGpt,
    tokens: Tensor,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    generator: torch.Generator,
) -> Iterator[float]:
    """Train on random windows of ``tokens``, shape (N,); yields the loss of each step, in nats.

    Matrices between the layers are stepped by Muon (K. Jordan, 2024), which for a model of this
    size and a budget of seconds gets further than AdamW; everything else by AdamW. The learning
    rate rises over the first steps and then falls linearly to zero.
    """
    matrices = [p for p in model.h.parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is matrix for matrix in matrices)]
    optimizers: list[torch.optim.Optimizer] = [
        torch.optim.Muon(matrices, lr=10 * learning_rate, weight_decay=0.0),
        torch.optim.AdamW(others, lr=2 * learning_rate, betas=(0.9, 0.95), weight_decay=0.0),
    ]
    rates = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    window = torch.arange(model.config.context_length + 1)
    for step in range(steps):
        starts = torch.randint(len(tokens) - len(window), (batch_size, 1), generator=generator)
        text = tokens[starts + window]
        loss = functional.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
        model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, rate in zip(optimizers, rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * min((step + 1) / 30, 1 - step / steps)
            optimizer.step()
        yield float(loss.detach())


@torch.no_grad()
def bits_per_character(model: TorchGpt, tokens: Tensor, *, windows: int = 160) -> float:
    """Mean surprise over evenly spread windows of ``tokens``, in bits a character."""
    length = model.config.context_length + 1
    chosen = tokens[: len(tokens) // length * length].view(-1, length)
    chosen = chosen[:: max(1, len(chosen) // windows)]
    loss = functional.cross_entropy(model(chosen[:, :-1]).flatten(0, 1), chosen[:, 1:].flatten())
    return float(loss / np.log(2))
