"""The same tokens whatever road they take: recomputed, cached, in a padded batch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coursekit.decoding import (
    KvCache,
    Request,
    RequestError,
    decode_batch,
    decode_by_recompute,
    decode_with_cache,
    random_gpt,
    static_batching,
)

from .conftest import CONFIG, mixes

MODEL = random_gpt(CONFIG, rng=np.random.default_rng(0))


@given(mixes(most=1))
@settings(max_examples=60, deadline=None)
def test_cached_is_recomputed_token_for_token(requests):
    (request,) = requests
    assert decode_with_cache(MODEL, request) == decode_by_recompute(MODEL, request)


@pytest.mark.slow
@given(mixes())
@settings(max_examples=500, deadline=None)
def test_every_row_of_a_padded_batch_is_that_request_alone(requests):
    run = decode_batch(MODEL, requests)
    assert run.tokens == {r.id: decode_with_cache(MODEL, r) for r in requests}


@given(mixes(), st.integers(1, 4), st.booleans())
@settings(max_examples=50, deadline=None)
def test_static_batches_and_their_waste_are_what_the_lengths_say(requests, batch_size, sort):
    run = static_batching(MODEL, requests, batch_size=batch_size, sort=sort)
    assert run.tokens == {r.id: decode_with_cache(MODEL, r) for r in requests}
    new = [r.num_new for r in requests]
    if sort:
        new.sort()
    batches = [new[i : i + batch_size] for i in range(0, len(new), batch_size)]
    assert run.num_steps == sum(map(max, batches))
    assert run.rows_wasted == sum(max(batch) * len(batch) - sum(batch) for batch in batches)


def test_the_tokens_are_worth_comparing():
    """Greedy decoding of this model neither repeats itself nor forgets the prompt."""
    texts = [tuple(decode_with_cache(MODEL, Request(0, (i, 5), 40))) for i in range(10)]
    assert len(set(texts)) == 10
    assert min(len(set(text)) for text in texts) >= 4


def test_logits_agree_to_the_rounding_of_float64(model):
    tokens = np.random.default_rng(5).integers(0, CONFIG.vocab_size, size=(3, 20))
    cache = KvCache(CONFIG, num_rows=3, capacity=20, dtype=model.dtype)
    cache.prefill(model, tokens[:, :7])
    whole = model(tokens)
    for at in range(7, 20):
        one = cache.decode(model, tokens[:, at], np.full(3, at))
        np.testing.assert_allclose(one, whole[:, at], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (Request("a", (), 3), "'a' has an empty prompt"),
        (Request("a", (1, 23), 3), "holds the token 23; this model knows 0 to 22"),
        (Request("a", (-1,), 3), "holds the token -1"),
        (Request("a", (1,), 0), "asks for 0 new tokens"),
        (Request("a", (1,) * 40, 9), r"needs 40 \+ 9 = 49 positions.*context_length=48"),
    ],
)
def test_bad_requests_are_named(model, request_, says):
    for decode in (decode_by_recompute, decode_with_cache):
        with pytest.raises(RequestError, match=says):
            decode(model, request_)
    with pytest.raises(RequestError, match=says):
        static_batching(model, [Request("b", (1,), 2), request_], batch_size=1)


def test_static_batching_refuses_a_second_request_of_the_same_id(model):
    twice = [Request("a", (1,), 2), Request("a", (2,), 2)]
    with pytest.raises(RequestError, match="'a' came twice"):
        static_batching(model, twice, batch_size=1)
    with pytest.raises(RequestError, match="batch_size=0"):
        static_batching(model, twice[:1], batch_size=0)


def test_the_longest_request_that_fits_the_context(model):
    request = Request(0, (3,) * 8, 40)
    assert decode_with_cache(model, request) == decode_by_recompute(model, request)
