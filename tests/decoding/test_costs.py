"""Counted operations against the formulas, formulas against published sizes."""

import numpy as np
import pytest

from coursekit.decoding import (
    MultiplicationCounter,
    Request,
    cache_bytes,
    decode_by_recompute,
    decode_with_cache,
    multiplications_by_recompute,
    multiplications_with_cache,
    step_intensity,
)
from coursekit.decoding.cache import KvCache

from .conftest import CONFIG


@pytest.mark.parametrize("length", [1, 2, 17, 40])
def test_counted_products_are_what_the_formulas_say(model, length):
    request = Request(0, (1,), length)
    with MultiplicationCounter(model) as counter:
        decode_by_recompute(counter.model, request)
    assert counter.total == multiplications_by_recompute(CONFIG, length=length)
    with MultiplicationCounter(model) as counter:
        tokens = decode_with_cache(counter.model, request)
    assert counter.total == multiplications_with_cache(CONFIG, length=length)
    assert tokens == decode_with_cache(model, request)


def test_cache_bytes_are_those_of_the_arrays(model):
    cache = KvCache(CONFIG, num_rows=3, capacity=10, dtype=np.dtype(np.float64))
    sizes = {"num_layers": 2, "num_kv_heads": 2, "head_dim": 8, "bytes_per_number": 8}
    assert cache_bytes(**sizes, num_tokens=30) == cache.keys.nbytes + cache.values.nbytes


def test_a_published_model():
    """OPT-13B (40 layers, 40 heads of 128) in 16 bits: 800 KB a token, as Kwon et al. say."""
    sizes = {"num_layers": 40, "num_kv_heads": 40, "head_dim": 128, "bytes_per_number": 2}
    assert cache_bytes(**sizes, num_tokens=1) == 800 * 1024


def test_weights_are_read_once_a_step_and_caches_once_a_row():
    flop = {
        b: step_intensity(CONFIG, batch_size=b, num_seen=10, bytes_per_number=2) for b in (1, 8)
    }
    assert flop[8][0] == 8 * flop[1][0]
    row = 2 * 2 * 2 * 8 * 10 * 2  # keys and values, layers, heads, head_dim, tokens, bytes
    assert flop[8][1] - flop[1][1] == 7 * row
    bare = step_intensity(CONFIG, batch_size=64, num_seen=0, bytes_per_number=2)
    assert bare[0] / bare[1] == 64, "without a cache to read, the intensity is B in 16 bits"
