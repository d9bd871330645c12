"""What the decoding tests share: a small model that wanders, and generated requests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st

from coursekit.decoding import Gpt, GptConfig, Request, random_gpt

CONFIG = GptConfig(vocab_size=23, context_length=48, num_layers=2, num_heads=2, head_dim=8)


@pytest.fixture(scope="session")
def model() -> Gpt:
    return random_gpt(CONFIG, rng=np.random.default_rng(0))


@st.composite
def mixes(draw: st.DrawFn, most: int = 7) -> list[Request]:
    """Requests of different lengths; now and then two prompts begin alike."""
    token = st.integers(0, CONFIG.vocab_size - 1)
    beginning = draw(st.lists(token, max_size=12))
    found = []
    for i in range(draw(st.integers(1, most))):
        own = draw(st.lists(token, min_size=1, max_size=12))
        prompt = (beginning if draw(st.booleans()) else []) + own
        found.append(Request(i, tuple(prompt), draw(st.integers(1, 20))))
    return found
