"""Continuous batching: nobody is lost or starves, everybody gets the tokens of solo decoding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coursekit.decoding import (
    Engine,
    Request,
    RequestError,
    continuous_batching,
    decode_with_cache,
    random_gpt,
    static_batching,
)
from coursekit.errors import CourseError

from .conftest import CONFIG, mixes
from .test_blocks_and_pages import check_books

MODEL = random_gpt(CONFIG, rng=np.random.default_rng(0))
TOKENS = st.integers(0, CONFIG.vocab_size - 1)


@pytest.mark.slow
@given(mixes(), st.integers(1, 4), st.integers(1, 7), st.booleans(), st.integers(0, 8))
@settings(max_examples=200, deadline=None)
def test_tokens_are_those_of_solo_decoding_even_when_memory_is_short(
    requests, num_slots, block_size, share_prefixes, spare
):
    longest = max(request.num_cached for request in requests)
    run = continuous_batching(
        MODEL,
        requests,
        num_slots=num_slots,
        num_blocks=-(-longest // block_size) + spare,
        block_size=block_size,
        share_prefixes=share_prefixes,
    )
    assert run.tokens == {r.id: decode_with_cache(MODEL, r) for r in requests}
    assert run.rows_wasted == 0
    assert sum(len(step.running) for step in run.steps) == sum(r.num_new for r in requests)


class EngineUnderFire(RuleBasedStateMachine):
    """Requests, good and bad, arrive between steps of an engine that is short of memory."""

    def __init__(self):
        super().__init__()
        self.engine = Engine(MODEL, num_slots=3, num_blocks=8, block_size=4)
        self.accepted, self.finished, self.waited = [], set(), {}

    @rule(
        tokens=st.lists(TOKENS, min_size=1, max_size=14),
        num_new=st.integers(1, 14),
        same=st.booleans(),
    )
    def submit(self, tokens, num_new, same):
        prompt = ([1, 2, 3, 4, 5] if same else []) + tokens
        request = Request(len(self.accepted), tuple(prompt), num_new)
        if request.num_cached > 32:
            with pytest.raises(RequestError, match="8"):
                self.engine.submit(request)
            return
        self.engine.submit(request)
        self.accepted.append(request)

    @rule(prompt=st.sampled_from([(), (99,), (1,) * 60, (1,) * 40]))
    def submit_nonsense(self, prompt):
        before = len(self.engine.waiting), dict(self.engine.tokens)
        with pytest.raises(RequestError):
            self.engine.submit(Request("bad", prompt, 1))
        assert (len(self.engine.waiting), self.engine.tokens) == before

    @rule()
    def step(self):
        left = [r.id for r in self.accepted if r.id not in self.finished]
        step = self.engine.step()
        if step is None:
            assert not left
            return
        assert step.running[0] == left[0], "the oldest request gets a token at every step"
        assert len(step.running) <= 3
        assert list(step.running) == sorted(step.running)
        assert 0 < step.tokens_reserved <= 32
        self.finished |= set(step.finished)

    @invariant()
    def books_are_right_and_nobody_is_lost(self):
        engine = self.engine
        check_books(engine.cache)
        assert set(engine.cache.tables) == {request.id for request in engine.running}
        there = [request.id for request in [*engine.running, *engine.waiting]]
        assert there == [r.id for r in self.accepted if r.id not in self.finished]

    def teardown(self):
        self.engine.run()
        assert self.engine.tokens == {r.id: decode_with_cache(MODEL, r) for r in self.accepted}
        assert self.engine.cache.blocks.num_used == 0


EngineUnderFire.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestEngineUnderFire = EngineUnderFire.TestCase


def test_steps_worked_by_hand():
    """Two slots and new tokens 5, 1, 1, 3: static needs 5 + 3 steps; continuous 5 in all."""
    requests = [Request(i, (i + 1,), n) for i, n in enumerate([5, 1, 1, 3])]
    static = static_batching(MODEL, requests, batch_size=2)
    assert (static.num_steps, static.rows_wasted) == (8, 4 + 2)
    run = continuous_batching(MODEL, requests, num_slots=2, num_blocks=20, block_size=4)
    assert [step.running for step in run.steps] == [(0, 1), (0, 2), (0, 3), (0, 3), (0, 3)]
    assert [step.finished for step in run.steps] == [(1,), (2,), (), (), (0, 3)]


def test_the_youngest_gives_way_and_comes_back():
    requests = [Request("old", (1, 2, 3), 10), Request("young", (4, 5, 6), 10)]
    run = continuous_batching(MODEL, requests, num_slots=2, num_blocks=4, block_size=4)
    preempted = [step.preempted for step in run.steps if step.preempted]
    assert preempted == [("young",)]
    assert run.steps[-1].finished == ("young",)
    again = next(i for i, step in enumerate(run.steps) if step.preempted)
    assert sum(step.prefilled for step in run.steps[again:]) > 2, "its tokens are computed again"
    assert run.tokens == {r.id: decode_with_cache(MODEL, r) for r in requests}


def test_a_common_beginning_is_kept_and_computed_once():
    beginning = tuple(range(1, 17))
    requests = [Request(i, (*beginning, 20 - i, i), 6) for i in range(4)]
    options = {"num_slots": 4, "num_blocks": 40, "block_size": 4}
    shared = continuous_batching(MODEL, requests, **options)
    apart = continuous_batching(MODEL, requests, **options, share_prefixes=False)
    assert shared.tokens == apart.tokens
    assert shared.steps[0].prefilled == 17 + 3 * 1
    assert apart.steps[0].prefilled == 4 * 17
    assert apart.peak_reserved - shared.peak_reserved == 3 * 16


def test_bad_input_is_named_and_the_others_are_served():
    engine = Engine(MODEL, num_slots=2, num_blocks=3, block_size=4)
    good = Request("good", (1, 2), 6)
    engine.submit(good)
    with pytest.raises(RequestError, match="'good' came twice"):
        engine.submit(good)
    with pytest.raises(RequestError, match="needs 4 blocks of 4 tokens and the cache has 3"):
        engine.submit(Request("large", (1,) * 8, 6))
    with pytest.raises(RequestError, match="empty prompt"):
        engine.submit(Request("empty", (), 6))
    assert engine.run().tokens == {"good": decode_with_cache(MODEL, good)}
    assert engine.step() is None
    for wrong in ({"num_slots": 0}, {"num_blocks": 0}, {"block_size": 0}):
        with pytest.raises(CourseError, match="=0"):
            Engine(MODEL, **{"num_slots": 1, "num_blocks": 1, "block_size": 1, **wrong})


@pytest.mark.parametrize("waited", range(8))
@pytest.mark.parametrize("ahead", range(8))
def test_a_prompt_that_repeats_what_is_being_written_shares_only_what_is_computed(waited, ahead):
    """The newest token of a running request has a place in the cache before it has a key there."""
    first = Request("first", (1, 2, 3), 12)
    written = decode_with_cache(MODEL, first)
    again = Request("again", (1, 2, 3, *written[:ahead], 9), 6)
    engine = Engine(MODEL, num_slots=2, num_blocks=20, block_size=4)
    engine.submit(first)
    for _ in range(waited):
        engine.step()
    engine.submit(again)
    run = engine.run()
    assert run.tokens == {"first": written, "again": decode_with_cache(MODEL, again)}
