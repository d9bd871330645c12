"""Continuous batching: who takes part is decided anew at every step.

A finished request leaves at once and the next one takes its slot. Memory comes from a paged cache;
when it runs out, the youngest request gives its blocks back and waits, with the tokens it has.
Going on later, it computes their keys and values again. The oldest request always goes on, so
every request ends.

Sources: G.-I. Yu et al., Orca: A Distributed Serving System for Transformer-Based Generative
Models, OSDI 2022; W. Kwon et al., SOSP 2023, arXiv:2309.06180, section 4.5 (preemption).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Sequence

from .blocks import OutOfBlocksError
from .model import Gpt
from .paged import PagedCache
from .records import Run, Step
from .requests import Request, RequestError, check_request


class Engine:
    """A queue, ``num_slots`` rows to compute a step for, and a paged cache."""

    def __init__(
        self,
        model: Gpt,
        *,
        num_slots: int,
        num_blocks: int,
        block_size: int,
        share_prefixes: bool = True,
    ) -> None:
        """Nothing is waiting yet.

        Raises
        ------
        CourseError
            When ``num_slots``, ``num_blocks`` or ``block_size`` is below 1.
        """
        if num_slots < 1:
            raise RequestError(f"num_slots={num_slots}; an engine needs at least 1 slot.")
        self.model, self.num_slots, self.share_prefixes = model, num_slots, share_prefixes
        self.cache = PagedCache(
            model.config, num_blocks=num_blocks, block_size=block_size, dtype=model.dtype
        )
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []  # oldest first, and all older than those that wait
        self.tokens: dict[Hashable, list[int]] = {}

    def submit(self, request: Request) -> None:
        """Put a request at the end of the queue.

        Raises
        ------
        RequestError
            When it can never be served here: a bad prompt, too long, an id that was used, or a
            cache that could not hold it even if it had all of it.
        """
        check_request(request, self.model.config)
        if request.id in self.tokens:
            raise RequestError(f"request {request.id!r} came twice; give each an id of its own.")
        needed, total = self.cache.blocks_for(request.num_cached), len(self.cache.blocks.users)
        if needed > total:
            raise RequestError(
                f"request {request.id!r} needs {needed} blocks of {self.cache.block_size} tokens "
                f"and the cache has {total}; make it larger, or ask for fewer tokens."
            )
        self.tokens[request.id] = []
        self.waiting.append(request)

    def step(self) -> Step | None:
        """Make room for the running, let others in, give each a token, let finished ones out.

        Returns what happened; None when nothing is left to do.
        """
        if not self.waiting and not self.running:
            return None
        preempted = self._make_room()
        prefilled = self._admit()
        running = list(self.running)
        ids = [request.id for request in running]
        newest = [(self.tokens[request.id] or request.prompt)[-1] for request in running]
        logits = self.cache.decode_extended(self.model, ids, newest)
        for request, token in zip(running, logits.argmax(axis=-1), strict=True):
            self.tokens[request.id].append(int(token))
        tokens_cached = sum(self.cache.lengths[request] for request in ids)
        tokens_reserved = self.cache.blocks.num_used * self.cache.block_size
        finished = [r for r in running if len(self.tokens[r.id]) == r.num_new]
        for request in finished:
            self.cache.free(request.id)
            self.running.remove(request)
        return Step(
            running=tuple(ids),
            rows=len(ids),
            prefilled=prefilled,
            tokens_cached=tokens_cached,
            tokens_reserved=tokens_reserved,
            preempted=tuple(preempted),
            finished=tuple(request.id for request in finished),
        )

    def run(self) -> Run:
        """Step until nothing is left."""
        run = Run(self.tokens)
        while (step := self.step()) is not None:
            run.steps.append(step)
        return run

    def _text(self, request: Request) -> list[int]:
        return [*request.prompt, *self.tokens[request.id]]

    def _admit(self) -> int:
        """Let requests in while there is a slot, and memory for them and one token more."""
        computed = 0
        while self.waiting and len(self.running) < self.num_slots:
            request = self.waiting[0]
            past = self._text(request)[:-1]
            self._begin(request, past)
            missing = len(past) - self.cache.lengths[request.id]
            if self.cache.blocks_to_extend(request.id, missing + 1) > len(self.cache.blocks.free):
                self.cache.free(request.id)
                break
            if missing:
                self.cache.prefill(self.model, request.id, past[-missing:])
            self.cache.extend(request.id, 1)
            computed += missing
            self.running.append(self.waiting.popleft())
        return computed

    def _begin(self, request: Request, past: Sequence[int]) -> None:
        """Begin a sequence; with the longest beginning that a running request has in the cache."""
        longest, parent = 0, None
        for other in self.running if self.share_prefixes else ():
            computed = self._text(other)[:-1]  # its newest token has a place, but no key there yet
            if (shared := _common(past, computed)) > longest:
                longest, parent = shared, other
        if parent is None:
            self.cache.add(request.id)
        else:
            self.cache.fork(parent.id, request.id, longest)

    def _make_room(self) -> list[Hashable]:
        """Room for one token each, oldest first; where there is none, the youngest gives way."""
        preempted: list[Hashable] = []
        row = 0
        while row < len(self.running):
            try:
                self.cache.extend(self.running[row].id, 1)
                row += 1
            except OutOfBlocksError:
                youngest = self.running.pop()
                self.cache.free(youngest.id)
                self.waiting.appendleft(youngest)
                preempted.append(youngest.id)
        return preempted


def continuous_batching(
    model: Gpt,
    requests: Iterable[Request],
    *,
    num_slots: int,
    num_blocks: int,
    block_size: int,
    share_prefixes: bool = True,
) -> Run:
    """Serve requests that are all there at the start; an `Engine` from first to last."""
    engine = Engine(
        model,
        num_slots=num_slots,
        num_blocks=num_blocks,
        block_size=block_size,
        share_prefixes=share_prefixes,
    )
    for request in requests:
        engine.submit(request)
    return engine.run()


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning."""
    length = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        length += 1
    return length
