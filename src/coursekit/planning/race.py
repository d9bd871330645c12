"""Batch sizes raced to the target loss: where the noise scale points is where the race begins.

A noise scale is a stand-in for the critical batch size, and learning rates differ between batch
sizes. Where a run to the target fits into the budget, the steps that it takes say more than both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .advice import TOLERATED, Split
from .records import Trial
from .trials import PATIENCE, best_of
from .tuning import Tuning, scaling_rule

FINALISTS, CLOSE = 4, 1.25
"""Of the settings within this factor of the fastest, at most so many run again in other orders."""
ORDERS = 3
"""Orders of the examples in which a finalist runs, counted with the first."""


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
        """Measured steps times measured seconds of a step."""
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
        """Race the size that the noise scale predicts, then twice and half the fastest, and so on.

        Ends when the fastest has a slower one on each side, or with the budget.
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

        A run that does not arrive counts with all the steps it was given. ``warmed`` is the
        winner, with a warm-up if it is to have one. Only orders that all finalists ran count.
        """
        tried = [
            t
            for t in self.tuning.trials
            if t.reached and t.batch_size in self.cuts and not (t.warmup_steps or t.order)
        ]
        ranked = sorted({warmed, *tried}, key=self.seconds)
        most = CLOSE * self.seconds(ranked[0])
        finalists = [trial for trial in ranked if self.seconds(trial) <= most][:FINALISTS]
        times = [[self.seconds(trial)] for trial in finalists]
        for order in range(1, ORDERS):
            again = [self.tuning.again(trial, order=order) for trial in finalists]
            runs = [trial for trial in again if trial is not None]
            if len(runs) < len(finalists):
                break
            for row, trial in zip(times, runs, strict=True):
                row.append(self.seconds(trial))
        return finalists[int(np.argmin([np.mean(row) for row in times]))]

    def _beside(self) -> list[int]:
        """Of the sizes near twice and half the fastest, those not raced yet."""
        now = self.winner.batch_size
        larger = [size for size in self.cuts if now < size <= 2 * now]
        smaller = [size for size in self.cuts if now / 2 <= size < now]
        return self._unseen([max(larger, default=now), min(smaller, default=now)])

    def _unseen(self, sizes: Sequence[int]) -> list[int]:
        return [size for size in sizes if size not in self._tried]
