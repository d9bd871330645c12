"""Is the setting that `coursekit plan` proposes about as fast as the best of a full sweep?

    python benchmarks/plan_advice.py

For three models: make a plan, then train at every batch size and learning rate of a grid until a
loss fixed beforehand is reached, and train at the setting proposed. Time is the mean number of
steps over the seeds, times the seconds of a step, which are measured interleaved on one thread.

Then two well-known finders of batch sizes on the first model, on a device of two megabytes. It is
made up: a step that needs more raises what PyTorch's allocator on the CPU raises. Both finders stop
at the largest batch that fits and say nothing about the learning rate.
"""

from __future__ import annotations

import logging
import math
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from time import process_time

from interleave import installed, table, write_report

# The import above limits NumPy and PyTorch to one thread, so it comes first.
# isort: split

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from coursekit.data import digits
from coursekit.data.text import python_topics
from coursekit.decoding import GptConfig
from coursekit.hardware import measure_seconds
from coursekit.planning import Workload, plan
from coursekit.planning.memory import bytes_of_step
from coursekit.planning.steps import Steps
from coursekit.planning.trials import DIVERGED
from coursekit.pytorch.decoding import TorchGpt
from coursekit.training.schedules import constant, linear_scaling, linear_warmup

GOAL = 1.3
GIVE_UP = 2.5
"""A run that has taken this many times the best of the sweep so far is stopped: it cannot win."""
DEVICE_BYTES = 2e6

each_cross_entropy = partial(cross_entropy, reduction="none")


@dataclass(frozen=True)
class Case:
    """A model to train: how long a plan may take, and the grid it is compared with."""

    name: str
    make: Callable[[], Workload]
    target: float
    seconds: float
    batch_sizes: tuple[int, ...]
    rates: tuple[float, ...]
    seeds: tuple[int, ...]


def mlp() -> Workload:
    torch.manual_seed(0)
    data = digits()
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    inputs = torch.tensor(data.features).float()
    return Workload(model, each_cross_entropy, (inputs, torch.tensor(data.labels)))


def convolutional() -> Workload:
    torch.manual_seed(0)
    data = digits()
    model = nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(64, 10)),
    )
    inputs = torch.tensor(data.features).float().reshape(-1, 1, 8, 8)
    return Workload(model, each_cross_entropy, (inputs, torch.tensor(data.labels)))


def token_losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """One loss for each text: the mean over its tokens."""
    return each_cross_entropy(logits.transpose(1, 2), targets).mean(1)


def gpt() -> Workload:
    torch.manual_seed(0)
    text, length = python_topics(), 32
    tokens = torch.tensor(text.encode(text.train)[: 2000 * (length + 1)]).view(2000, length + 1)
    model = TorchGpt(GptConfig(len(text.alphabet), length, num_layers=2, num_heads=2, head_dim=16))
    data = (tokens[:, :-1].contiguous(), tokens[:, 1:].contiguous())
    return Workload(model, token_losses, data, torch.optim.AdamW)


CASES = (
    Case(
        "MLP on digits (SGD)",
        mlp,
        target=0.1,
        seconds=60,
        batch_sizes=(16, 32, 64, 128, 256, 512, 1797),
        rates=tuple(0.1 * 2.0**power for power in range(1, 6)),
        seeds=(1, 2, 3),
    ),
    Case(
        "convolutional net on digits (SGD)",
        convolutional,
        target=0.1,
        seconds=60,
        batch_sizes=(16, 32, 64, 128, 256, 512, 1797),
        rates=tuple(0.1 * 2.0**power for power in range(0, 5)),
        seeds=(1, 2, 3),
    ),
    Case(
        "tiny GPT on text (AdamW)",
        gpt,
        target=2.5,
        seconds=60,
        batch_sizes=(4, 8, 16, 32, 64),
        rates=tuple(0.001 * 2.0**power for power in range(0, 4)),
        seeds=(1, 2),
    ),
)


def steps_to_target(
    work: Workload,
    target: float,
    *,
    batch_size: int,
    rate: float,
    warmup: int,
    seed: int,
    most: int,
) -> float:
    """Steps until the mean loss of the data (of 512 examples, if they are more) is reached."""
    steps = Steps(work, seed=seed)  # the order of the examples; the start is the same
    schedule = linear_warmup(rate, start=rate / warmup, steps=warmup) if warmup else constant(rate)
    optimizer, batches = steps.optimizer(schedule(0)), steps.batches(batch_size)
    judged = steps.workload.batch(np.arange(min(work.num_examples, 1800)))
    if work.num_examples > 1800:
        judged = steps.first(512)
    every = max(4, 256 // batch_size)
    first = math.inf
    try:
        for step in range(most):
            for group in optimizer.param_groups:
                group["lr"] = schedule(step)
            loss = float(steps.take(optimizer, next(batches)))
            first = loss if step == 0 else first
            if not math.isfinite(loss) or loss > DIVERGED * first:
                return math.inf
            if step % every == every - 1:
                with torch.no_grad():
                    if float(work.loss(judged)) <= target:
                        return step + 1
        return math.inf
    finally:
        steps.restart()


def step_seconds(work: Workload, sizes: list[int]) -> dict[int, float]:
    """CPU seconds of a step at each batch size, interleaved."""
    steps = Steps(work, seed=0)
    optimizer = steps.optimizer()
    batches = {size: steps.first(size) for size in sizes}
    rng = np.random.default_rng(0)
    seconds = measure_seconds(lambda size: steps.take(optimizer, batches[size]), sizes, rng=rng)
    steps.restart()
    return dict(zip(sizes, np.median(seconds, axis=0).tolist(), strict=True))


class Race:
    """Times to the target at many settings of one model, each tried once."""

    def __init__(self, case: Case, sizes: list[int]) -> None:  # noqa: D107
        self.case, self.work = case, case.make()
        self.seconds = step_seconds(self.work, sorted(sizes))
        self.best = math.inf
        self.times: dict[tuple[int, float], float] = {}

    def time(self, batch_size: int, rate: float, *, warmup: int = 0, patience: float) -> float:
        """Mean seconds over the seeds; infinite when a seed diverges or does not get there."""
        most = patience / self.seconds[batch_size]
        total = 0.0
        for seed in self.case.seeds:
            steps = steps_to_target(
                self.work,
                self.case.target,
                batch_size=batch_size,
                rate=rate,
                warmup=warmup,
                seed=seed,
                most=int(min(most, 20_000)),
            )
            if math.isinf(steps):
                return math.inf
            total += steps * self.seconds[batch_size]
        return total / len(self.case.seeds)

    def sweep(self) -> None:
        """The whole grid, from the middle out, so that what cannot win is stopped early."""
        middle = self.case.batch_sizes[len(self.case.batch_sizes) // 2]
        for size in sorted(self.case.batch_sizes, key=lambda size: abs(math.log(size / middle))):
            for rate in self.case.rates:
                patience = GIVE_UP * self.best if math.isfinite(self.best) else 60.0
                found = self.time(size, rate, patience=patience)
                self.times[size, rate] = found
                self.best = min(self.best, found)
            print(self.case.name, size, self.best_at(size), file=sys.stderr, flush=True)

    def best_at(self, size: int) -> tuple[float, float]:
        """The least time at a batch size, and its learning rate."""
        return min((time, rate) for (s, rate), time in self.times.items() if s == size)


def compare(case: Case) -> tuple[float, str]:
    """The ratio of the advice, and a part of the report; with the peers for the first case."""
    made = plan(case.make(), seconds=case.seconds, clock=process_time)
    advice = made.advice
    print(case.name, made.table(), *made.notes, sep="\n", file=sys.stderr, flush=True)
    if advice.global_batch_size is None or advice.learning_rate is None:
        raise SystemExit(f"{case.name}: no setting was proposed; {' '.join(made.notes)}")
    race = Race(case, [*case.batch_sizes, advice.global_batch_size, 32])
    race.sweep()
    time = race.time(
        advice.global_batch_size,
        advice.learning_rate,
        warmup=advice.warmup_steps or 0,
        patience=10 * race.best,
    )
    ratio = time / race.best
    verdict = "met" if ratio <= GOAL else "not met"
    size, rate = min(race.times, key=race.times.__getitem__)
    rows = []
    for batch_size in case.batch_sizes:
        found, its_rate = race.best_at(batch_size)
        shown = f"{found / race.best:.2f}" if math.isfinite(found) else f"over {GIVE_UP:.0f}"
        rows.append([str(batch_size), f"{its_rate:g}" if math.isfinite(found) else "-", shown])
    noise = made.noise.examples
    text = (
        f"## {case.name}, to a loss of {case.target}\n\n"
        f"Proposed in {made.seconds:.0f} CPU seconds (of {case.seconds:.0f}): batch size "
        f"{advice.global_batch_size}, learning rate {advice.learning_rate:g}, warm-up "
        f"{advice.warmup_steps}. Knee {made.speed.model.half_batch:.0f}, noise scale "
        f"{noise:.0f}, equally good by prediction: {advice.batch_range[0]} to "
        f"{advice.batch_range[1]}.\n\n"
        f"It takes **{ratio:.2f} times** the best of the sweep (batch size {size}, learning rate "
        f"{rate:g}, {1e3 * race.best:.0f} ms): the goal of {GOAL} is {verdict}.\n\n"
    )
    headers = ["batch size", "best learning rate", "time over the best"]
    text += table(headers, rows)
    return ratio, "\n\n".join([text, peers(race)] if case == CASES[0] else [text])


def largest_by_accelerate(work: Workload) -> int | None:
    if not installed("accelerate"):
        return None
    from accelerate.utils import find_executable_batch_size

    @find_executable_batch_size(starting_batch_size=2048)
    def train(batch_size: int) -> int:
        refuse_if_full(work, batch_size)
        return batch_size

    return int(train())


def largest_by_lightning(work: Workload) -> int | None:
    if not installed("lightning"):
        return None
    import lightning
    from lightning.pytorch.tuner import Tuner
    from torch.utils.data import DataLoader, TensorDataset

    class Module(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.batch_size, self.model = 2, work.model

        def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
            refuse_if_full(work, len(batch[0]))
            return work.loss((batch[0], batch[1]))

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

        def train_dataloader(self) -> DataLoader:
            return DataLoader(TensorDataset(*work.dataset), self.batch_size, shuffle=True)

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = lightning.Trainer(accelerator="cpu", max_epochs=1, **quiet)
    return int(Tuner(trainer).scale_batch_size(Module(), mode="power") or 0)


def refuse_if_full(work: Workload, batch_size: int) -> None:
    needed = bytes_of_step(Steps(work, seed=0), min(batch_size, work.num_examples))
    if needed > DEVICE_BYTES:
        raise RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate "
            f"memory: you tried to allocate {needed} bytes."
        )


def peers(race: Race) -> str:
    case = race.case
    found = {
        "Accelerate, find_executable_batch_size": largest_by_accelerate(case.make()),
        "Lightning, Tuner.scale_batch_size": largest_by_lightning(case.make()),
    }
    made = plan(
        case.make(),
        seconds=case.seconds,
        memory_bytes=DEVICE_BYTES,
        clock=process_time,
    )
    advice = made.advice
    if advice.global_batch_size is None or advice.learning_rate is None:
        raise SystemExit("no setting was proposed on the small device")
    sizes = {size for size in found.values() if size} | {32, advice.global_batch_size}
    race.seconds |= step_seconds(race.work, sorted(sizes))
    _, tuned = race.best_at(32)

    def shown(size: int, rate: float, warmup: int = 0) -> str:
        time = race.time(size, rate, warmup=warmup, patience=30 * race.best)
        return f"{time / race.best:.2f}" if math.isfinite(time) else "does not arrive"

    rows = [["before: 32, learning rate tuned there", "32", f"{tuned:g}", shown(32, tuned)]]
    for name, size in found.items():
        if size is None:
            continue
        rows.append([f"{name}; rate kept", str(size), f"{tuned:g}", shown(size, tuned)])
        linear = linear_scaling(tuned, 32, size)
        rows.append([f"{name}; linear rule", str(size), f"{linear:g}", shown(size, linear)])
    rows.append(
        [
            f"coursekit plan (largest that fits: {made.memory.largest})",
            str(advice.global_batch_size),
            f"{advice.learning_rate:g}",
            shown(advice.global_batch_size, advice.learning_rate, advice.warmup_steps or 0),
        ]
    )
    about = (
        f"## What the finders say: {case.name}, on a device of {DEVICE_BYTES / 1e6:.0f} MB\n\n"
        "The device is made up: a step that needs more raises the error of PyTorch's allocator. "
        "Time is over the best of the sweep above."
    )
    headers = ["who", "batch size", "learning rate", "time over the best"]
    return about + "\n\n" + table(headers, rows)


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    # One process a case: their times are never compared, and each step counts its own CPU time.
    done: dict[str, tuple[float, str]] = {}
    with ProcessPoolExecutor(len(CASES), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        futures = {pool.submit(compare, case): case.name for case in CASES}
        for future in as_completed(futures):
            done[futures[future]] = future.result()
            report([(case.name, done.get(case.name)) for case in CASES])


def report(results: list[tuple[str, tuple[float, str] | None]]) -> None:
    """What is known so far; a case that has not finished is named as such."""
    ratios = [f"{name} {found[0]:.2f}" for name, found in results if found]
    missing = [name for name, found in results if not found]
    about = (
        "The setting that `coursekit plan` proposes against a full sweep over batch size and "
        "learning rate. Time: mean steps over the seeds to the target loss, on all the data (the "
        "GPT: 512 fixed texts of it), times the CPU seconds of a step, measured interleaved. The "
        "seeds change the order of the examples. The best of the sweep is the least of many noisy "
        "means, which flatters the sweep. The plan does not know the target; its budget counts "
        "CPU seconds here.\n\n"
        f"Time over the best of the sweep: {', '.join(ratios)}; the goal is {GOAL}."
    )
    if missing:
        about += f"\n\nNot finished: {', '.join(missing)}."
    write_report(
        "plan_advice",
        "Advice of coursekit plan",
        ["numpy", "torch", "accelerate", "lightning"],
        [about, *(found[1] for _, found in results if found)],
    )


if __name__ == "__main__":
    main()
