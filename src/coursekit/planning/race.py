"""Batch sizes raced to the target loss: where the noise scale points is where the race begins.

A noise scale is a stand-in for the critical batch size, and learning rates differ between batch
sizes. Where a run to the target fits into the budget, the steps that it takes say more than both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .advice import TOLERATED, Split
from .records import Trial
from .trials import PATIENCE, best_of
from .tuning import Tuning, scaling_rule

LUCK = 0.5
"""One order of the examples may make a setting look slower or faster than it is by this much."""
FINALISTS = 8
"""At most so many settings run again with the examples in other orders."""
FEWEST_ORDERS, MOST_ORDERS = 3, 10
"""Orders of the examples in which the winner runs, counted with the first, if the budget lasts."""


class Race:
    """Times to the target at several batch sizes, each at its best learning rate.

    Attributes
    ----------
    best
        The fastest trial of each batch size whose trials reached the target.
    """

    def __init__(self, tuning: Tuning, options: Sequence[Split], begun: Trial) -> None:
        """``begun`` reached the target; its batch size is among the ``options``."""
        self.tuning = tuning
        self.cuts = {cut.global_batch_size: cut for cut in options}
        self.best: dict[int, Trial] = {begun.batch_size: begun}
        self._tried = {begun.batch_size}

    def step_seconds(self, batch_size: int) -> float:
        """Seconds of a step, its batch shared among all devices."""
        cut = self.cuts[batch_size]
        return self.tuning.speed.step_seconds(cut.micro_batch_size, cut.accumulation_steps)

    def seconds(self, trial: Trial) -> float:
        """Measured steps times measured seconds of a step; infinite where it diverged."""
        if math.isinf(trial.loss):
            return math.inf
        return trial.steps * self.step_seconds(trial.batch_size)

    @property
    def winner(self) -> Trial:
        """The fastest so far."""
        return min(self.best.values(), key=self.seconds)

    @property
    def times(self) -> tuple[tuple[int, float], ...]:
        """``(global batch size, seconds)``, by size."""
        return tuple((size, self.seconds(self.best[size])) for size in sorted(self.best))

    def equally_good(self, chosen: Trial) -> tuple[int, int]:
        """Smallest and largest batch size raced within 10 % of the fastest, or ``chosen``."""
        most = TOLERATED * self.seconds(self.winner)
        good = [size for size, seconds in self.times if seconds <= most] + [chosen.batch_size]
        return min(good), max(good)

    def run(self, predicted: int | None, *, until: float) -> Trial:
        """Race the size that the noise scale predicts, then ever larger and ever smaller ones.

        By factors of two, on each side until one is slower than the fastest by `LUCK`, or until the
        budget ends.
        """
        following = self._unseen([predicted] if predicted else []) or self._beside()
        while following and self.tuning.budget.until(until):
            size, winner = following[0], self.winner
            self._tried.add(size)
            rule = scaling_rule(self.tuning.steps)
            found = self.tuning.search(
                size,
                rule(winner.learning_rate, winner.batch_size, size),
                until=until,
                most=1 + PATIENCE * self.seconds(winner) / self.step_seconds(size),
            )
            trial = best_of(found)
            if trial is not None and trial.reached:
                self.best[size] = trial
            following = self._beside()
        return self.winner

    def confirm(self, warmed: Trial) -> Trial:
        """The fastest settings again, with the examples in other orders; the least mean wins.

        After each order those drop out whose mean is far above the least: by `LUCK` after one
        order, by `LUCK` over √k after k, as the luck in a mean falls with √k. A run that does not
        arrive counts with all the steps it was given, and one that diverges for ever. ``warmed`` is
        the winner, with a warm-up if it is to have one.

        Source: Maron and Moore 1994, Hoeffding races: drop what is unlikely to win, early.
        """
        tried = [
            t
            for t in self.tuning.trials
            if t.reached and t.batch_size in self.cuts and not (t.warmup_steps or t.order)
        ]
        ranked = sorted({warmed, *tried}, key=self.seconds)[:FINALISTS]
        times = {trial: [self.seconds(trial)] for trial in ranked}
        for order in range(1, MOST_ORDERS):
            most = (1 + LUCK / math.sqrt(order)) * min(map(np.mean, times.values()))
            times = {trial: row for trial, row in times.items() if np.mean(row) <= most}
            if len(times) == 1 and order >= FEWEST_ORDERS:
                break
            again = [self.tuning.again(trial, order=order) for trial in times]
            runs = [trial for trial in again if trial is not None]
            if len(runs) < len(times):  # the budget ended
                break
            for row, trial in zip(times.values(), runs, strict=True):
                row.append(self.seconds(trial))
        return min(times, key=lambda trial: np.mean(times[trial]))

    def _beside(self) -> list[int]:
        """The next size to race above the fastest and below it."""
        return [*self._first_unseen(self._twice), *self._first_unseen(self._half)]

    def _first_unseen(self, next_size: Callable[[int], int | None]) -> list[int]:
        """From the fastest on, past sizes raced that are not slower by `LUCK`."""
        most = (1 + LUCK) * self.seconds(self.winner)
        size = next_size(self.winner.batch_size)
        while size in self.best and self.seconds(self.best[size]) <= most:
            size = next_size(size)
        return self._unseen([size] if size else [])

    def _twice(self, size: int) -> int | None:
        return max((other for other in self.cuts if size < other <= 2 * size), default=None)

    def _half(self, size: int) -> int | None:
        return min((other for other in self.cuts if size / 2 <= other < size), default=None)

    def _unseen(self, sizes: Sequence[int]) -> list[int]:
        return [size for size in sizes if size not in self._tried]
