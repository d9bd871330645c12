"""Learning rate and warm-up by trials, at the batch size where they are to be used."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from ..training.schedules import linear_scaling, square_root_scaling
from .budget import Budget
from .noise import MOST_EXAMPLES, PAIRS, mean_noise, measure_noise
from .records import Noise, NoiseAt, Speed, Trial
from .steps import Steps
from .trials import PATIENCE, best_of, run_trial, search
from .workload import FEWEST_EXAMPLES

MOST_STEPS, FEWEST_STEPS = 300, 20
TRIALS_EXPECTED = 6
MOMENTS = 5
WARMUP_GAIN = 0.95
"""A warm-up is proposed where a trial with one has less than this times the steps to the target of
the best without, or, where there is no target, its loss."""


class Tuning:
    """Trials with one budget; remembers them all, in the order in which they ran."""

    def __init__(
        self,
        steps: Steps,
        speed: Speed,
        budget: Budget,
        say: Callable[[str], None],
        target_loss: float | None = None,
    ):
        """Nothing is run yet."""
        self.steps, self.speed, self.budget, self.say = steps, speed, budget, say
        self.target_loss = target_loss
        self.trials: list[Trial] = []

    def step_seconds(self, batch_size: int) -> float:
        """Seconds on the wall of a step on this device, in as many micro-batches as it takes."""
        passes = -(-batch_size // (self.steps.largest or batch_size))
        seconds = self.speed.step_seconds(-(-batch_size // passes), passes)
        return self.speed.crowding * seconds

    def search(
        self, batch_size: int, around: float, *, until: float, most: float = math.inf
    ) -> list[Trial]:
        """Learning rates at one batch size; none when the budget does not reach for a trial.

        Trials end at the target, or after ``most`` steps; without a target after `MOST_STEPS`.
        """
        share = self.budget.until(until) / TRIALS_EXPECTED
        num_steps = int(share / self.step_seconds(batch_size))
        if num_steps < FEWEST_STEPS:
            return []
        num_steps = int(min(num_steps, most if self.target_loss is not None else MOST_STEPS))
        self.say(f"learning rates at a batch of {batch_size}")
        found = search(
            self.steps,
            batch_size=batch_size,
            around=around,
            num_steps=num_steps,
            budget=self.budget,
            until=until,
            target_loss=self.target_loss,
        )
        self.trials += found
        return found

    def noise_along(self, best: Trial | None, *, method: str, because: str, until: float) -> Noise:
        """Noise scale at evenly spaced moments of the best trial; before training without one."""
        largest = self.steps.largest or self.speed.largest_timed
        an_example = 2 * self.step_seconds(largest) / largest
        most = min(self.steps.workload.num_examples, PAIRS * MOST_EXAMPLES)
        affordable = int(self.budget.until(until) / an_example)
        moments: list[NoiseAt] = []

        def look(step: int, num_examples: int) -> None:
            self.say(f"noise of the gradient at step {step}")
            moments.append(
                measure_noise(
                    self.steps,
                    step=step,
                    num_examples=num_examples,
                    largest=largest,
                    method=method,
                )
            )

        count = min(MOMENTS, affordable // FEWEST_EXAMPLES)
        if count and best is None:
            self.steps.restart()
            look(0, min(most, affordable))
        elif count and best is not None:
            pauses = [int(best.steps * (place + 0.5) / count) for place in range(count)]
            run_trial(
                self.steps,
                batch_size=best.batch_size,
                learning_rate=best.learning_rate,
                num_steps=pauses[-1] + 1,
                budget=self.budget,
                pauses=pauses,
                at_pause=lambda step: look(step, min(most, affordable // count)),
            )
        return mean_noise(moments, method=method, because=because)

    def again_at(self, batch_size: int, best: Trial, *, until: float) -> Trial:
        """The best trial at another batch size, looked for around what the rule of scaling says."""
        if batch_size == best.batch_size:
            return best
        rule = scaling_rule(self.steps)
        around = rule(best.learning_rate, best.batch_size, batch_size)
        return best_of(self.search(batch_size, around, until=until)) or best

    def warmup(self, best: Trial, *, until: float) -> Trial:
        """The best trial, or one with a warm-up that is clearly better, at its rate or twice it."""
        tried = []
        for factor in (1.0, 2.0):
            if best.steps * self.step_seconds(best.batch_size) < self.budget.until(until):
                self.say("warm-up")
                trial = run_trial(
                    self.steps,
                    batch_size=best.batch_size,
                    learning_rate=factor * best.learning_rate,
                    num_steps=best.steps,
                    budget=self.budget,
                    warmup_steps=max(2, best.steps // 10),
                    target_loss=self.target_loss,
                )
                tried += [trial] if trial else []
        self.trials += tried
        winner = best_of(tried)
        missed, least = best.cost
        return winner if winner and winner.cost < (missed, WARMUP_GAIN * least) else best

    def again(self, trial: Trial, *, order: int) -> Trial | None:
        """The same setting with the examples in another order, and more patience."""
        self.say(f"another order at a batch of {trial.batch_size}")
        found = run_trial(
            self.steps,
            batch_size=trial.batch_size,
            learning_rate=trial.learning_rate,
            num_steps=math.ceil(2 * PATIENCE * trial.steps),
            budget=self.budget,
            warmup_steps=trial.warmup_steps,
            target_loss=self.target_loss,
            order=order,
        )
        self.trials += [found] if found else []
        return found


def scaling_rule(steps: Steps) -> Callable[[float, int, int], float]:
    """Linear for gradient descent, the square root for all others, as chapter 08 has them."""
    plain = isinstance(steps.optimizer(), torch.optim.SGD)
    return linear_scaling if plain else square_root_scaling


def first_rate(steps: Steps) -> float:
    """Where the search for a learning rate begins: the library's usual one."""
    return 0.1 if isinstance(steps.optimizer(), torch.optim.SGD) else 0.001
