"""The paged KV cache: memory in blocks, and for each sequence a table of the blocks it uses.

Positions of a sequence are consecutive, its blocks need not be. Two sequences with the same
beginning may share blocks; the first to write into a shared block gets a copy of its own.

Source: W. Kwon et al., SOSP 2023, arXiv:2309.06180, sections 4.1 to 4.4.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ..errors import CourseError
from .blocks import BlockAllocator, OutOfBlocksError
from .model import Array, Attend, Gpt, GptConfig, Tokens, attention


class PagedCache:
    """Keys and values of many sequences in ``num_blocks`` blocks of ``block_size`` tokens.

    Attributes
    ----------
    tables
        The blocks of each sequence, in the order of its positions.
    lengths
        Tokens that each sequence has in the cache.
    """

    def __init__(
        self, config: GptConfig, *, num_blocks: int, block_size: int, dtype: np.dtype[Any]
    ) -> None:
        """Reserve the blocks; no sequence has any yet.

        Raises
        ------
        CourseError
            When ``num_blocks`` or ``block_size`` is below 1.
        """
        if block_size < 1:
            raise CourseError(
                f"block_size={block_size}; a block holds at least 1 token (16 is a common choice)."
            )
        self.blocks, self.block_size = BlockAllocator(num_blocks), block_size
        shape = (config.num_layers, config.num_heads, num_blocks, block_size, config.head_dim)
        self.keys, self.values = np.zeros(shape, dtype), np.zeros(shape, dtype)
        self.tables: dict[Hashable, list[int]] = {}
        self.lengths: dict[Hashable, int] = {}

    def blocks_for(self, num_tokens: int) -> int:
        """Blocks that so many tokens fill, the last one perhaps in part."""
        return -(-num_tokens // self.block_size)

    def add(self, sequence: Hashable) -> None:
        """Begin a sequence with no tokens."""
        if sequence in self.tables:
            raise CourseError(f"sequence {sequence!r} is in the cache already; free it first.")
        self.tables[sequence], self.lengths[sequence] = [], 0

    def fork(self, parent: Hashable, child: Hashable, num_tokens: int) -> None:
        """Begin a sequence with the first ``num_tokens`` of another one, sharing its blocks."""
        if num_tokens > self.lengths[parent]:
            raise CourseError(
                f"sequence {parent!r} has {self.lengths[parent]} tokens; {num_tokens} of them "
                "cannot be shared."
            )
        self.add(child)
        for block in self.tables[parent][: self.blocks_for(num_tokens)]:
            self.blocks.share(block)
            self.tables[child].append(block)
        self.lengths[child] = num_tokens

    def free(self, sequence: Hashable) -> None:
        """Forget a sequence; blocks that nobody else uses become free."""
        for block in self.tables.pop(sequence):
            self.blocks.release(block)
        del self.lengths[sequence]

    def blocks_to_extend(self, sequence: Hashable, num_tokens: int) -> int:
        """Free blocks that `extend` will take: new ones, and a copy of a shared one."""
        table, length = self.tables[sequence], self.lengths[sequence]
        return (
            self.blocks_for(length + num_tokens) - len(table) + self._writes_into_shared(sequence)
        )

    def extend(self, sequence: Hashable, num_tokens: int) -> None:
        """Make room for so many more tokens, all or nothing.

        Raises
        ------
        OutOfBlocksError
            When too few blocks are free; the cache is then as it was.
        """
        needed = self.blocks_to_extend(sequence, num_tokens)
        if needed > len(self.blocks.free):
            raise OutOfBlocksError(
                f"sequence {sequence!r} needs {needed} more blocks for {num_tokens} tokens and "
                f"{len(self.blocks.free)} are free; free a sequence, or make the cache larger."
            )
        table = self.tables[sequence]
        if self._writes_into_shared(sequence):
            table[-1] = self._own_copy(table[-1])
        self.lengths[sequence] += num_tokens
        while len(table) < self.blocks_for(self.lengths[sequence]):
            table.append(self.blocks.allocate())

    def _writes_into_shared(self, sequence: Hashable) -> bool:
        partly_filled = self.lengths[sequence] % self.block_size > 0
        return partly_filled and self.blocks.users[self.tables[sequence][-1]] > 1

    def _own_copy(self, shared: int) -> int:
        own = self.blocks.allocate()
        for store in (self.keys, self.values):
            store[:, :, own] = store[:, :, shared]
        self.blocks.release(shared)
        return own

    def prefill(self, model: Gpt, sequence: Hashable, tokens: Sequence[int]) -> None:
        """Add tokens, shape (T,), to one sequence, in a single pass and without logits."""
        start = self.lengths[sequence]
        self.extend(sequence, len(tokens))
        positions = np.arange(start, self.lengths[sequence])[None]
        model.hidden(np.array([tokens]), positions, self._attend_at([sequence], positions))

    def decode(self, model: Gpt, sequences: Sequence[Hashable], tokens: Sequence[int]) -> Array:
        """Add one token to each of some sequences; the logits of the next, (sequences, V).

        Raises
        ------
        OutOfBlocksError
            When too few blocks are free for all of them; the cache is then as it was. Call
            `extend` yourself to handle that one by one.
        """
        before: list[tuple[Hashable, list[int]]] = []
        try:
            for sequence in sequences:
                table = list(self.tables[sequence])
                self.extend(sequence, 1)
                before.append((sequence, table))
        except OutOfBlocksError:
            for sequence, table in reversed(before):
                for block in table:
                    self.blocks.share(block)  # first, so that no block they both have becomes free
                for block in self.tables[sequence]:
                    self.blocks.release(block)
                self.tables[sequence] = table
                self.lengths[sequence] -= 1
            raise
        return self.decode_extended(model, sequences, tokens)

    def decode_extended(
        self, model: Gpt, sequences: Sequence[Hashable], tokens: Sequence[int]
    ) -> Array:
        """`decode` for sequences that `extend` has made room in."""
        positions = np.array([[self.lengths[sequence] - 1] for sequence in sequences])
        attend = self._attend_at(sequences, positions)
        hidden = model.hidden(np.array(tokens)[:, None], positions, attend)
        return model.logits(hidden[:, 0])

    def _attend_at(self, sequences: Sequence[Hashable], positions: Tokens) -> Attend:
        """Keep the new keys and values at their positions, (sequences, T); read all before them."""
        tables = np.zeros((len(sequences), self.blocks_for(int(positions.max()) + 1)), np.int64)
        for row, sequence in zip(tables, sequences, strict=True):
            row[: len(self.tables[sequence])] = self.tables[sequence]
        blocks = np.take_along_axis(tables, positions // self.block_size, axis=1)
        places = positions % self.block_size
        future = np.arange(tables.shape[1] * self.block_size) > positions[:, :, None]

        def attend(layer: int, *new: Array) -> Array:
            query, key, value = (each.swapaxes(0, 1) for each in new)  # heads come first
            self.keys[layer][:, blocks, places] = key
            self.values[layer][:, blocks, places] = value
            shape = (*query.shape[:2], -1, query.shape[-1])
            keys = self.keys[layer].take(tables, axis=1).reshape(shape)
            values = self.values[layer].take(tables, axis=1).reshape(shape)
            return attention(query, keys, values, future).swapaxes(0, 1)

        return attend
