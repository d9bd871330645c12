"""What was measured and what follows from it: frozen records, the reader's evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..hardware import MemoryModel, TimeModel

if TYPE_CHECKING:  # matplotlib is not needed to make a plan
    from ..figures import Shown, Table


@dataclass(frozen=True)
class Memory:
    """Bytes of a training step against the micro-batch.

    Attributes
    ----------
    model
        The line fitted to the measured points.
    points
        ``(examples, bytes)`` as measured, on small micro-batches only.
    straight
        Whether the last points lie on a line, so that it may be continued.
    limit_bytes
        What may be used on one device; None when no limit was given.
    largest
        Micro-batch that just fits, by the model; None without a limit.
    """

    model: MemoryModel
    points: tuple[tuple[int, int], ...]
    straight: bool
    limit_bytes: float | None
    largest: int | None


@dataclass(frozen=True)
class Speed:
    """Seconds of a training step against the batch size, on one device.

    Attributes
    ----------
    model
        The line a + cB fitted to the measured points; its ``half_batch`` is the knee.
    points
        ``(examples, seconds)``, the fast tenth of the rounds.
    knee_ends
        Interval of the knee over the rounds, in examples.
    update_seconds
        The part of a that belongs to the optimizer: paid once a step, however many micro-steps.
    crowding
        Seconds of the budget for each of these, which are CPU time where that is fairer: above 1
        where other programs use the machine too.
    """

    model: TimeModel
    points: tuple[tuple[int, float], ...]
    knee_ends: tuple[float, float]
    update_seconds: float
    crowding: float

    @property
    def largest_timed(self) -> int:
        """The largest micro-batch that was run; beyond it there is no evidence."""
        return max(size for size, _ in self.points)

    def step_seconds(self, micro_batch_size: int, accumulation_steps: int) -> float:
        """Seconds of one step: one update, and a pass for each micro-batch."""
        a_pass = self.model.seconds(micro_batch_size) - self.update_seconds
        return self.update_seconds + accumulation_steps * a_pass


@dataclass(frozen=True)
class NoiseAt:
    """Noise scale at one moment of a trial, in examples, with the ends of its 95 % interval.

    The three are None where the noise hid the gradient, so that the ratio has no upper end.
    """

    step: int
    examples: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Noise:
    """Noise scale along a trial: the mean over its moments, which are evenly spaced steps apart.

    Attributes
    ----------
    examples, low, high
        Mean over the moments, and of the ends of their intervals; None where at half of the
        moments or more the noise hid the gradient.
    moments
        Each moment; the noise scale grows as the loss falls, so they differ.
    method
        ``"per-example gradients"``, or ``"two batch sizes"`` where a model has none.
    because
        Why it has none; empty for the first method.
    """

    examples: float | None
    low: float | None
    high: float | None
    moments: tuple[NoiseAt, ...]
    method: str
    because: str = ""


@dataclass(frozen=True)
class Trial:
    """A training run from the starting point: to a target loss, or of a fixed length.

    Attributes
    ----------
    steps
        Steps to the target where that was reached; else all that were taken.
    loss
        Without a target the mean loss of the last quarter of the steps, with one the loss at the
        end, on the examples by which the target is judged; infinite when it diverged.
    reached
        Whether there is a target and it was reached.
    order
        Which order of the examples; the search uses number 0 throughout.
    """

    batch_size: int
    learning_rate: float
    warmup_steps: int
    steps: int
    loss: float
    reached: bool = False
    order: int = 0

    @property
    def cost(self) -> tuple[bool, float]:
        """Smaller is better, at one batch size: steps to the target, or else the loss."""
        return (False, self.steps) if self.reached else (True, self.loss)


@dataclass(frozen=True)
class Advice:
    """The setting proposed. What no evidence supports is None, and a note says why.

    Attributes
    ----------
    micro_batch_size, accumulation_steps, world_size, global_batch_size
        The last is the product of the other three.
    batch_range
        Smallest and largest global batch size that the evidence cannot tell from the best: within
        10 % of its predicted time, or of its measured time where sizes were raced to a target.
        With neither: what is left open.
    learning_rate, warmup_steps
        As tried at ``tried_at`` examples a batch.
    """

    micro_batch_size: int | None
    accumulation_steps: int | None
    world_size: int
    global_batch_size: int | None
    batch_range: tuple[int, int]
    learning_rate: float | None
    warmup_steps: int | None
    tried_at: int | None


@dataclass(frozen=True)
class Plan:
    """Advice and the evidence it rests on.

    Attributes
    ----------
    advice
        The setting.
    memory, speed, noise
        What was measured.
    trials
        Every trial, in the order it was run.
    predicted
        ``(global batch size, time)``: predicted time to a given loss over that of the best, for
        all batch sizes compared. Empty without a noise scale.
    target_loss
        Where training is to stop; None when it was not said.
    raced
        ``(global batch size, seconds)``: measured steps to the target times measured seconds of a
        step, at the best learning rate. Empty where no trial reached a target.
    regret
        Predicted time of the advice over that of the best, at most, if the critical batch size is
        three times smaller or larger than the noise scale. None without a noise scale, and where
        batch sizes were raced, so that the noise scale did not decide.
    notes
        What the reader must know to defend the setting: limits, doubts, what was not measured.
    num_examples, seconds, seed
        N, the time the measurements took, and the seed they used.
    """

    advice: Advice
    memory: Memory
    speed: Speed
    noise: Noise
    trials: tuple[Trial, ...]
    predicted: tuple[tuple[int, float], ...]
    target_loss: float | None
    raced: tuple[tuple[int, float], ...]
    regret: float | None
    notes: tuple[str, ...]
    num_examples: int
    seconds: float
    seed: int

    def rows(self) -> list[tuple[str, str, str]]:
        """Each proposed number beside its evidence, as text: what, value, because."""
        from .report import rows

        return rows(self)

    def table(self) -> Table:
        """The same as a table to display or print; needs matplotlib and tabulate, as figures do."""
        from ..figures import table

        return table(
            self.rows(),
            ["setting", "proposed", "evidence"],
            caption=f"Plan for {self.num_examples} examples, measured in {self.seconds:.0f} s",
        )

    def figure(self) -> Shown:
        """Predicted time against the batch size, ready to display; CourseError without noise."""
        from .report import figure

        return figure(self)

    def to_json(self) -> str:
        """Everything, as JSON with sorted keys; numbers that are infinite become null."""
        from .report import to_json

        return to_json(self)
