"""Is the setting that `coursekit plan` proposes about as fast as the best of a full sweep?

    python benchmarks/plan_advice.py

stores what chapter 14 reads, src/coursekit/data/stored/plan_advice.json, and the same as tables.
For three models: make a plan, one that is told the target loss and one that is not, then train at
every batch size and learning rate of a grid until that loss is reached, and train at the settings
proposed. Time is the mean number of steps over the seeds, times the seconds of a step, which are
measured interleaved on one thread. Plans and trainings shuffle by different seeds.

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
from typing import Any

from interleave import installed, table, write_report, write_stored

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
from coursekit.planning.records import Advice, Plan
from coursekit.planning.steps import Steps
from coursekit.planning.trials import DIVERGED
from coursekit.pytorch.decoding import TorchGpt
from coursekit.training.schedules import constant, linear_scaling, linear_warmup

GOAL = 1.3
GIVE_UP = 2.5
"""A run that has taken this many times the best of the sweep so far is stopped: it cannot win."""
DEVICE_BYTES = 2e6
TOLD, NOT_TOLD = "told the target", "not told"
SETTING, TIME = ("batch size", "learning rate", "warm-up"), "time over the best"

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
        seeds=tuple(range(1, 11)),
    ),
    Case(
        "convolutional net on digits (SGD)",
        convolutional,
        target=0.1,
        seconds=60,
        batch_sizes=(16, 32, 64, 128, 256, 512, 1797),
        rates=tuple(0.1 * 2.0**power for power in range(0, 5)),
        seeds=tuple(range(1, 11)),
    ),
    Case(
        "tiny GPT on text (AdamW)",
        gpt,
        target=2.5,
        seconds=60,
        batch_sizes=(4, 8, 16, 32, 64),
        rates=tuple(0.001 * 2.0**power for power in range(0, 4)),
        seeds=(1, 2, 3),
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

    def over_best(self, seconds: float) -> float | None:
        """The ratio to the best of the sweep; None where it is infinite."""
        return seconds / self.best if math.isfinite(seconds) else None

    def time_of(self, advice: Advice) -> float:
        """Mean seconds at the setting that a plan proposes."""
        return self.time(
            advice.global_batch_size,
            advice.learning_rate,
            warmup=advice.warmup_steps or 0,
            patience=30 * self.best,
        )

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


def advised(case: Case, *, target_loss: float | None, memory: float | None = None) -> Plan:
    """A plan with an advice; the budget counts CPU seconds."""
    made = plan(
        case.make(),
        seconds=case.seconds,
        target_loss=target_loss,
        memory_bytes=memory,
        clock=process_time,
    )
    print(case.name, made.table(), *made.notes, sep="\n", file=sys.stderr, flush=True)
    if made.advice.global_batch_size is None or made.advice.learning_rate is None:
        raise SystemExit(f"{case.name}: no setting was proposed; {' '.join(made.notes)}")
    return made


def compare(case: Case) -> dict[str, Any]:
    """What came of one model; times are over the best of its sweep, None where not in reach."""
    made = {
        name: advised(case, target_loss=loss)
        for name, loss in ((TOLD, case.target), (NOT_TOLD, None))
    }
    sizes = [plan.advice.global_batch_size for plan in made.values()]
    race = Race(case, [*case.batch_sizes, 32, *sizes])
    race.sweep()
    size, rate = min(race.times, key=race.times.__getitem__)
    found: dict[str, Any] = {
        "model": case.name,
        "target_loss": case.target,
        "best": {"batch_size": size, "learning_rate": rate, "seconds": race.best},
        "plans": [
            {
                "who": who,
                **setting(plan.advice),
                "time": race.over_best(race.time_of(plan.advice)),
                "noise_scale": plan.noise.examples,
                "knee": plan.speed.model.half_batch,
                "seconds": plan.seconds,
            }
            for who, plan in made.items()
        ],
        "sweep": [
            {
                "batch_size": size,
                "learning_rate": race.best_at(size)[1],
                "time": race.over_best(race.best_at(size)[0]),
            }
            for size in case.batch_sizes
        ],
    }
    return found | ({"peers": peers(race)} if case == CASES[0] else {})


def setting(advice: Advice) -> dict[str, Any]:
    return {
        "batch_size": advice.global_batch_size,
        "learning_rate": advice.learning_rate,
        "warmup_steps": advice.warmup_steps,
    }


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


def peers(race: Race) -> list[dict[str, Any]]:
    """What the finders say on the small device, and how long the training then takes."""
    case = race.case
    found = {
        "Accelerate, find_executable_batch_size": largest_by_accelerate(case.make()),
        "Lightning, Tuner.scale_batch_size": largest_by_lightning(case.make()),
    }
    made = advised(case, target_loss=case.target, memory=DEVICE_BYTES)
    sizes = {size for size in found.values() if size}
    race.seconds |= step_seconds(
        race.work, sorted(sizes | {32, made.advice.global_batch_size or 32})
    )
    _, tuned = race.best_at(32)

    def row(who: str, size: int, rate: float) -> dict[str, Any]:
        time = race.over_best(race.time(size, rate, patience=30 * race.best))
        return {"who": who, "batch_size": size, "learning_rate": rate, "time": time}

    rows = [row("before: 32, learning rate tuned there", 32, tuned)]
    for who, size in found.items():
        if size is not None:
            rows.append(row(f"{who}; rate kept", size, tuned))
            rows.append(row(f"{who}; linear rule", size, linear_scaling(tuned, 32, size)))
    who = f"coursekit plan, told the target (largest that fits: {made.memory.largest})"
    time = race.over_best(race.time_of(made.advice))
    return [*rows, {"who": who, **setting(made.advice), "time": time}]


def main() -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    # Processes side by side: their times are never compared, and each counts its own CPU time.
    done: dict[str, dict[str, Any]] = {}
    with ProcessPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        futures = {pool.submit(compare, case): case.name for case in CASES}
        for future in as_completed(futures):
            done[futures[future]] = future.result()
    models = [done[case.name] for case in CASES]
    write_stored("plan_advice", {"goal": GOAL, "models": models})
    report(models)


def report(models: list[dict[str, Any]]) -> None:
    """The same as tables."""
    about = (
        "The setting that `coursekit plan` proposes against a full sweep over batch size and "
        "learning rate. Time: mean steps over the seeds to the target loss, on all the data (the "
        "GPT: 512 fixed texts of it), times the CPU seconds of a step, measured interleaved. The "
        "seeds change the order of the examples; the plan shuffles by another one. The best of "
        "the sweep is the least of many noisy means, which flatters the sweep. A plan's budget "
        f"counts CPU seconds here. The goal is {GOAL} times the best of the sweep."
    )
    parts = [about]
    for found in models:
        best = found["best"]
        parts += [
            f"## {found['model']}, to a loss of {found['target_loss']}\n\n"
            f"The best of the sweep is batch size {best['batch_size']} with learning rate "
            f"{best['learning_rate']:g}, {1e3 * best['seconds']:.0f} ms.",
            table(
                ["plan", *SETTING, "noise scale", "knee", "CPU seconds", TIME, "goal"],
                [
                    [
                        *(one["who"], *shown(one), str(one["warmup_steps"])),
                        *(rounded(one["noise_scale"]), rounded(one["knee"])),
                        *(rounded(one["seconds"]), ratio(one["time"]), verdict(one["time"])),
                    ]
                    for one in found["plans"]
                ],
            ),
            table(
                ["batch size", "best learning rate", TIME],
                [
                    [*shown(one), ratio(one["time"])]
                    if one["time"]
                    else [str(one["batch_size"]), "-", f"over {GIVE_UP:g}"]
                    for one in found["sweep"]
                ],
            ),
        ]
        if "peers" in found:
            parts += [
                f"## What the finders say: {found['model']}, on a device of "
                f"{DEVICE_BYTES / 1e6:.0f} MB\n\nThe device is made up: a step that needs more "
                "raises the error of PyTorch's allocator. A finder may name a size beyond the data "
                "set, which then trains with all of it: Lightning 2.6.6 tries one, is refused, and "
                "hands it back, because it does not halve a size above the number of examples.",
                table(
                    ["who", "batch size", "learning rate", TIME],
                    [[one["who"], *shown(one), ratio(one["time"])] for one in found["peers"]],
                ),
            ]
    packages = ["numpy", "torch", "accelerate", "lightning"]
    write_report("plan_advice", "Advice of coursekit plan", packages, parts)


def shown(one: dict[str, Any]) -> list[str]:
    return [str(one["batch_size"]), f"{one['learning_rate']:g}"]


def rounded(number: float | None) -> str:
    return "unknown" if number is None else f"{number:.0f}"


def ratio(time: float | None) -> str:
    return "does not arrive" if time is None else f"{time:.2f}"


def verdict(time: float | None) -> str:
    return "met" if time is not None and time <= GOAL else "not met"


if __name__ == "__main__":
    main()
