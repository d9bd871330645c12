"""Counted operations against the formulas, formulas against published sizes."""

import numpy as np
import pytest

from coursekit.decoding import (
    MultiplicationCounter,
    Request,
    cache_bytes,
    decode_by_recompute,
    decode_with_cache,
    fit_seconds,
    multiplications_by_recompute,
    multiplications_with_cache,
    scores_by_recompute,
    step_intensity,
)
from coursekit.decoding.cache import KvCache
from coursekit.decoding.model import attention
from coursekit.errors import ShapeError

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


def test_scores_are_those_that_attention_makes(model, monkeypatch):
    made = []

    def watched(query, keys, values, hidden):
        made.append(query.shape[1] * query.shape[2] * keys.shape[2])
        return attention(query, keys, values, hidden)

    monkeypatch.setattr("coursekit.decoding.model.attention", watched)
    decode_by_recompute(model, Request(0, (1,), 17))
    assert sum(made) == scores_by_recompute(CONFIG, length=17)


def test_seconds_made_of_known_costs_give_them_back():
    """Also where counts differ by many powers of ten and times by a thousand."""
    lengths = [4, 8, 16, 32]
    counts = [
        (n, multiplications_by_recompute(CONFIG, length=n), scores_by_recompute(CONFIG, length=n))
        for n in lengths
    ]
    cost = np.array([3e-4, 2e-11, 5e-9])
    np.testing.assert_allclose(fit_seconds(counts, counts @ cost), cost, rtol=1e-6)
    for few in (1, 2):
        with pytest.raises(ShapeError, match="at least as many runs as kinds"):
            fit_seconds(counts[:few], np.ones(few))
    with pytest.raises(ShapeError, match=r"seconds \(3,\)"):
        fit_seconds(counts, np.ones(3))


def test_the_fit_weighs_relative_errors():
    """One cost, two runs that disagree: 1 s and 2 s a unit, at sizes 1 and 1000."""
    (cost,) = fit_seconds([[1], [1000]], [1, 2000])
    assert cost == pytest.approx((1 + 1 / 2) / (1 + 1 / 4))


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
