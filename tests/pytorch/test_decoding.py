"""The GPT in PyTorch: the same logits and tokens as in NumPy, and it learns."""

import numpy as np
import pytest
import torch

from coursekit.decoding import GptConfig, Request, decode_with_cache, random_gpt
from coursekit.pytorch.decoding import (
    TorchGpt,
    bits_per_character,
    greedy,
    to_numpy,
    to_torch,
    train,
)

CONFIG = GptConfig(vocab_size=17, context_length=32, num_layers=2, num_heads=2, head_dim=8)


@pytest.fixture
def model():
    model = random_gpt(CONFIG, rng=np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for weight in model.weights.values():  # biases and norms that do something
        if weight.ndim == 1:
            weight += 0.3 * rng.normal(size=weight.shape)
    return model


def test_logits_agree_with_numpy(model):
    tokens = np.random.default_rng(2).integers(0, 17, size=(3, 32))
    with torch.no_grad():
        theirs = to_torch(model)(torch.tensor(tokens)).numpy()
    np.testing.assert_allclose(model(tokens), theirs, rtol=0, atol=1e-11)


def test_there_and_back(model):
    again = to_numpy(to_torch(model))
    assert again.config == model.config
    for name, weight in model.weights.items():
        assert np.array_equal(again.weights[name], weight)


def test_greedy_decoding_agrees_with_numpy(model):
    module = to_torch(model)
    for prompt in ([3], [1, 2, 3], list(range(12))):
        request = Request(0, tuple(prompt), 20)
        assert greedy(module, prompt, 20) == decode_with_cache(model, request)


def test_it_learns_a_text_that_repeats():
    torch.manual_seed(0)
    config = GptConfig(vocab_size=7, context_length=8, num_layers=1, num_heads=2, head_dim=8)
    module, tokens = TorchGpt(config), torch.arange(700) % 7
    before = bits_per_character(module, tokens)
    assert before == pytest.approx(np.log2(7), abs=0.05), "it begins by knowing nothing"
    losses = train(
        module,
        tokens,
        steps=150,
        batch_size=8,
        learning_rate=0.005,
        generator=torch.Generator().manual_seed(0),
    )
    assert len(list(losses)) == 150
    assert bits_per_character(module, tokens) < 0.3
    assert greedy(module, [0, 1], 5) == [2, 3, 4, 5, 6]
