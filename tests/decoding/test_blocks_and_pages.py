"""Memory in blocks: every operation in every order, with the books checked after each."""

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from coursekit.decoding import BlockAllocator, OutOfBlocksError, PagedCache, random_gpt
from coursekit.errors import CourseError

from .conftest import CONFIG

MODEL = random_gpt(CONFIG, rng=np.random.default_rng(0))
TOKENS = st.integers(0, CONFIG.vocab_size - 1)


def check_books(cache):
    """No block leaks, none is free and in use at once, none is used by more than it counts."""
    blocks = cache.blocks
    assert len(set(blocks.free)) == len(blocks.free)
    assert blocks.num_used + len(blocks.free) == len(blocks.users)
    assert {block for block, users in enumerate(blocks.users) if not users} == set(blocks.free)
    held = [block for table in cache.tables.values() for block in table]
    assert [held.count(block) for block in range(len(blocks.users))] == blocks.users
    for sequence, table in cache.tables.items():
        assert len(set(table)) == len(table)
        assert len(table) == cache.blocks_for(cache.lengths[sequence])


def books(cache):
    return deepcopy((cache.tables, cache.lengths, cache.blocks.users, cache.blocks.free))


class PagesInAnyOrder(RuleBasedStateMachine):
    """Prefill, decode, fork and free, beside plain lists of what each sequence must hold."""

    def __init__(self):
        super().__init__()
        self.cache = PagedCache(CONFIG, num_blocks=9, block_size=3, dtype=MODEL.dtype)
        self.texts = {}
        self.names = iter(range(10_000))

    def pick(self, data):
        return data.draw(st.sampled_from(sorted(self.texts)))

    @rule(tokens=st.lists(TOKENS, min_size=1, max_size=8))
    def begin(self, tokens):
        name = next(self.names)
        self.cache.add(name)
        self.texts[name] = []
        self.more(name, tokens)

    @precondition(lambda self: self.texts)
    @rule(data=st.data(), tokens=st.lists(TOKENS, min_size=1, max_size=4))
    def prefill_more(self, data, tokens):
        self.more(self.pick(data), tokens)

    def more(self, name, tokens):
        before = books(self.cache)
        try:
            self.cache.prefill(MODEL, name, tokens)
        except OutOfBlocksError:
            assert books(self.cache) == before
        else:
            self.texts[name] += tokens

    def pick_some(self, data):
        names = data.draw(st.lists(st.sampled_from(sorted(self.texts)), min_size=1, unique=True))
        return [name for name in names if len(self.texts[name]) < CONFIG.context_length]

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def decode_all_or_none(self, data):
        names = self.pick_some(data)
        assume(names)
        before = books(self.cache)
        try:
            logits = self.cache.decode(MODEL, names, [name % CONFIG.vocab_size for name in names])
        except OutOfBlocksError:
            assert books(self.cache) == before
            return
        for name in names:
            self.texts[name].append(name % CONFIG.vocab_size)
        self.check_logits(names, logits)

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def decode_those_with_room(self, data):
        names = self.pick_some(data)
        try:
            for name in names:
                self.cache.extend(name, 1)
                self.texts[name].append(name % CONFIG.vocab_size)
        except OutOfBlocksError:
            names = names[: names.index(name)]
        assume(names)
        logits = self.cache.decode_extended(MODEL, names, [self.texts[name][-1] for name in names])
        self.check_logits(names, logits)

    def check_logits(self, names, logits):
        for row, name in zip(logits, names, strict=True):
            alone = MODEL(np.array(self.texts[name]))[0, -1]
            np.testing.assert_allclose(row, alone, rtol=0, atol=1e-11)

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def fork(self, data):
        parent, child = self.pick(data), next(self.names)
        shared = data.draw(st.integers(0, len(self.texts[parent])))
        used = self.cache.blocks.num_used
        self.cache.fork(parent, child, shared)
        self.texts[child] = self.texts[parent][:shared]
        assert self.cache.blocks.num_used == used, "sharing takes no memory"

    @precondition(lambda self: self.texts)
    @rule(data=st.data())
    def free(self, data):
        name = self.pick(data)
        self.cache.free(name)
        del self.texts[name]

    @invariant()
    def books_are_right(self):
        check_books(self.cache)
        assert {name: len(text) for name, text in self.texts.items()} == self.cache.lengths
        if not self.texts:
            assert self.cache.blocks.num_used == 0


PagesInAnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
TestPagesInAnyOrder = PagesInAnyOrder.TestCase


def test_a_shared_block_is_copied_before_it_is_written_to():
    cache = PagedCache(CONFIG, num_blocks=4, block_size=4, dtype=MODEL.dtype)
    cache.add("parent")
    cache.prefill(MODEL, "parent", [1, 2, 3, 4, 5, 6])
    cache.fork("parent", "child", 6)
    full, half = cache.tables["parent"]
    assert cache.tables["child"] == [full, half]
    assert cache.blocks.users[half] == 2
    cache.decode(MODEL, ["child"], [9])
    assert cache.tables["parent"] == [full, half]
    assert cache.tables["child"][0] == full
    assert cache.tables["child"][1] != half
    assert cache.blocks.num_used == 3
    logits = cache.decode(MODEL, ["parent"], [7])  # its 7th place was not overwritten by the child
    np.testing.assert_allclose(
        logits[0], MODEL(np.array([1, 2, 3, 4, 5, 6, 7]))[0, -1], rtol=0, atol=1e-12
    )
    assert cache.blocks.num_used == 3, "the last user writes in place"


def test_a_decode_without_room_for_all_changes_nothing_for_any():
    cache = PagedCache(CONFIG, num_blocks=3, block_size=2, dtype=MODEL.dtype)
    for name, tokens in {"a": [1, 2], "b": [3, 4]}.items():
        cache.add(name)
        cache.prefill(MODEL, name, tokens)
    before = books(cache)
    with pytest.raises(OutOfBlocksError, match="sequence 'b' needs 1 more block"):
        cache.decode(MODEL, ["a", "b"], [5, 6])
    assert books(cache) == before
    cache.free("b")  # as the message advises
    logits = cache.decode(MODEL, ["a"], [5])
    np.testing.assert_allclose(logits[0], MODEL(np.array([1, 2, 5]))[0, -1], rtol=0, atol=1e-12)


def test_a_decode_without_room_for_all_shares_again_what_it_had_copied():
    cache = PagedCache(CONFIG, num_blocks=3, block_size=2, dtype=MODEL.dtype)
    cache.add("parent")
    cache.prefill(MODEL, "parent", [1])
    cache.fork("parent", "child", 1)
    cache.add("full")
    cache.prefill(MODEL, "full", [3, 4])
    before = books(cache)
    with pytest.raises(OutOfBlocksError):
        cache.decode(MODEL, ["child", "full"], [5, 6])
    assert books(cache) == before


def test_a_sequence_wastes_less_than_one_block():
    for block_size in (1, 3, 16):
        cache = PagedCache(CONFIG, num_blocks=48, block_size=block_size, dtype=MODEL.dtype)
        for length in range(1, 40):
            cache.add(length)
            cache.extend(length, length)
            assert 0 <= cache.blocks.num_used * block_size - length < block_size
            cache.free(length)


def test_allocator_refuses_what_would_corrupt_it():
    blocks = BlockAllocator(2)
    first = blocks.allocate()
    blocks.share(first)
    blocks.release(first)
    assert blocks.num_used == 1
    blocks.release(first)
    for action in (blocks.release, blocks.share):
        with pytest.raises(CourseError, match=f"block {first} has no user"):
            action(first)
    with pytest.raises(CourseError, match="has no user"):
        blocks.release(-1)
    blocks.allocate(), blocks.allocate()
    with pytest.raises(OutOfBlocksError, match="all 2 blocks are in use"):
        blocks.allocate()


@pytest.mark.parametrize(
    ("num_blocks", "block_size", "says"),
    [(4, 0, "block_size=0"), (0, 4, "num_blocks=0"), (4, -1, "block_size=-1")],
)
def test_a_cache_without_room_is_refused(num_blocks, block_size, says):
    with pytest.raises(CourseError, match=says):
        PagedCache(CONFIG, num_blocks=num_blocks, block_size=block_size, dtype=MODEL.dtype)


def test_names_and_lengths_are_checked():
    cache = PagedCache(CONFIG, num_blocks=4, block_size=4, dtype=MODEL.dtype)
    cache.add("a")
    with pytest.raises(CourseError, match="'a' is in the cache already"):
        cache.add("a")
    with pytest.raises(CourseError, match="has 0 tokens; 3 of them"):
        cache.fork("a", "b", 3)
    assert "b" not in cache.tables
