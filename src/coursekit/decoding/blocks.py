"""Who uses which block of cache memory: a free list and a count of users.

Source: W. Kwon et al., Efficient Memory Management for Large Language Model Serving with
PagedAttention, SOSP 2023, arXiv:2309.06180, section 4.
"""

from __future__ import annotations

from ..errors import CourseError


class OutOfBlocksError(CourseError):
    """No block is free. The scheduler answers by preempting a sequence."""


class BlockAllocator:
    """Hands out blocks 0 to ``num_blocks - 1``. A block may have several users: a shared prefix."""

    def __init__(self, num_blocks: int) -> None:
        """All blocks are free.

        Raises
        ------
        CourseError
            When there is not even one block.
        """
        if num_blocks < 1:
            raise CourseError(f"num_blocks={num_blocks}; a cache needs at least 1 block.")
        self.users = [0] * num_blocks
        self.free = list(range(num_blocks))[::-1]

    @property
    def num_used(self) -> int:
        """Blocks with at least one user."""
        return len(self.users) - len(self.free)

    def allocate(self) -> int:
        """Take a free block; its caller is its one user.

        Raises
        ------
        OutOfBlocksError
            When none is free.
        """
        if not self.free:
            raise OutOfBlocksError(
                f"all {len(self.users)} blocks are in use; release some, or make the cache larger."
            )
        block = self.free.pop()
        self.users[block] = 1
        return block

    def share(self, block: int) -> None:
        """Add a user to a block that is in use."""
        self._require_used(block)
        self.users[block] += 1

    def release(self, block: int) -> None:
        """Take a user away; with the last one the block becomes free."""
        self._require_used(block)
        self.users[block] -= 1
        if not self.users[block]:
            self.free.append(block)

    def _require_used(self, block: int) -> None:
        if not 0 <= block < len(self.users) or not self.users[block]:
            raise CourseError(
                f"block {block} has no user; only a block that was allocated can be shared or "
                "released, and not more often than it has users."
            )
