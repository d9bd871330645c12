"""What a schedule did, step by step: frozen records that figures and tests read."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Step:
    """One decode step.

    Attributes
    ----------
    running
        The requests that got a token.
    rows
        Rows that were computed for it: more than ``running`` where finished ones are carried along.
    prefilled
        Tokens computed by prefill right before it, padding included.
    tokens_cached
        Tokens in the cache after it, a shared one counted once for each request.
    tokens_reserved
        Tokens that the memory set aside for these requests could hold.
    preempted, finished
        Requests that lost their memory for now, and requests that are done.
    """

    running: tuple[Hashable, ...]
    rows: int
    prefilled: int
    tokens_cached: int
    tokens_reserved: int
    preempted: tuple[Hashable, ...] = ()
    finished: tuple[Hashable, ...] = ()


@dataclass
class Run:
    """The tokens of every request, and the steps it took."""

    tokens: dict[Hashable, list[int]] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)

    @property
    def num_steps(self) -> int:
        """Decode steps."""
        return len(self.steps)

    @property
    def rows_wasted(self) -> int:
        """Rows computed for nobody."""
        return sum(step.rows - len(step.running) for step in self.steps)

    @property
    def peak_reserved(self) -> int:
        """The most tokens that memory was set aside for."""
        return max((step.tokens_reserved for step in self.steps), default=0)
