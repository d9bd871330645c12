"""Small and large batches at equal epochs, at equal steps and at equal temperature.

    python benchmarks/generalization.py

stores what chapter 09 reads, src/coursekit/data/stored/generalization.json. Every number is a mean
over the runs on one draw of the data; the draws are what the chapter's intervals are over.
"""

from __future__ import annotations

from interleave import write_stored

# The import above limits NumPy and PyTorch to one thread, so it comes first.
# isort: split

import numpy as np
import torch

from coursekit.data import Classification, digits, signals
from coursekit.errors import CourseError
from coursekit.pytorch.sharpness import sharpness
from coursekit.training.ensemble import Params, ensemble_steps
from coursekit.training.network_ensemble import network_gradients, network_scores, network_start

SEED, DRAWS, RUNS = 9, 12, 2

DIGIT_BATCHES, DIGIT_RATES = (4, 16, 64, 256, 1024), (0.0125, 0.05, 0.2, 0.4, 0.8, 1.6)
DIGIT_EPOCHS, DIGIT_STEPS = 60, 4000

SIGNAL_RUNS = (  # batch size, learning rate, learning rate x steps
    (16, 0.25, 3000), (64, 1.0, 3000),
    (64, 0.5, 3000), (256, 2.0, 3000),
    (16, 0.0625, 3000), (64, 0.25, 3000), (256, 1.0, 12000),
    (1024, 1.0, 3000), (1024, 4.0, 3000), (256, 4.0, 3000), (1024, 16.0, 3000),
    (64, 2.0, 3000), (64, 4.0, 3000), (256, 8.0, 3000), (1024, 8.0, 3000),
)  # fmt: skip


def part(data: Classification, chosen: np.ndarray) -> Classification:
    return Classification(data.features[chosen], data.labels[chosen], data.num_classes)


def digit_draw(draw: int) -> tuple[Classification, Classification, Classification]:
    """1024 to train on, 373 to choose the learning rate by, 400 to test on."""
    data = digits()
    order = np.random.default_rng([SEED, draw]).permutation(data.num_examples)
    return part(data, order[:1024]), part(data, order[1024:1397]), part(data, order[1397:])


def signal_draw(draw: int) -> tuple[Classification, Classification]:
    rng = np.random.default_rng([SEED, draw])
    return signals(4000, rng=rng), signals(4000, rng=rng)


def trained(data: Classification, batch_size: int, rates: np.ndarray, draw: int, hidden: int):
    rng = np.random.default_rng([SEED, draw, batch_size])
    start = network_start(data, hidden=hidden, members=len(rates), rng=rng)
    return ensemble_steps(
        network_gradients(data), start, num_examples=data.num_examples,
        batch_size=batch_size, learning_rate=rates, rng=rng,
    )  # fmt: skip


def after(steps: int, runs) -> Params:
    for _, params in zip(range(steps), runs, strict=False):
        last = params
    return last


def digits_row(batch_size: int, steps: int) -> dict:
    """For each draw: train loss, validation and test accuracy at every learning rate."""
    shape = (len(DIGIT_RATES), RUNS)
    found: dict[str, list] = {"train_loss": [], "validation": [], "test": []}
    for draw in range(DRAWS):
        train, validation, test = digit_draw(draw)
        rates = np.repeat(DIGIT_RATES, RUNS)
        params = after(steps, trained(train, batch_size, rates, draw, 64))
        for name, values in (
            ("train_loss", network_scores(params, train)[0]),
            ("validation", network_scores(params, validation)[1]),
            ("test", network_scores(params, test)[1]),
        ):
            means = np.asarray(values).reshape(shape).mean(axis=1)
            found[name].append([round(float(v), 6) if np.isfinite(v) else None for v in means])
    print(f"digits {batch_size=} {steps=}", np.mean(found["test"], axis=0), flush=True)
    return {"batch_size": batch_size, "steps": steps, **found}


def signals_row(batch_size: int, rate: float, length: float) -> dict:
    """Scores at places along the run, averaged over the runs of a draw; sharpness at the end."""
    steps = round(length / rate)
    places = [round(steps * (k + 1) / 8) for k in range(8)]
    rows: dict[str, list] = {name: [] for name in ("train_loss", "train", "test", "sharpness")}
    for draw in range(DRAWS):
        train, test = signal_draw(draw)
        scores, last = [], None
        runs = trained(train, batch_size, np.full(RUNS, rate), draw, 100)
        for step, params in enumerate(runs, start=1):
            if step in places:
                losses, accuracies = network_scores(params, train)
                tested = network_scores(params, test)[1]
                scores.append([losses.mean(), accuracies.mean(), tested.mean()])
            if step == steps:
                last = params
                break
        for name, values in zip(rows, np.transpose(scores), strict=False):
            rows[name].append([round(float(v), 5) if np.isfinite(v) else None for v in values])
        rows["sharpness"].append(mean_sharpness(last, train))
    ends = [row[-1] for row in rows["test"]]
    print(f"signals {batch_size=} {rate=} {steps=} test {np.mean(ends):.4f}", flush=True)
    return {"batch_size": batch_size, "learning_rate": rate, "places": places, **rows}


def mean_sharpness(params: Params, data: Classification) -> float | None:
    """Largest Hessian eigenvalue of the training loss, mean over the runs; None if one diverged."""
    inputs, labels = torch.tensor(data.features), torch.tensor(data.labels)
    found = []
    for member in range(len(params[0])):
        w1, b1, w2, b2 = (torch.tensor(p[member]) for p in params)
        model = torch.nn.Sequential(
            torch.nn.Linear(*w1.shape), torch.nn.ReLU(), torch.nn.Linear(*w2.shape)
        ).double()
        new = dict(zip(("0.weight", "0.bias", "2.weight", "2.bias"), (w1.T, b1[0], w2.T, b2[0]),
                       strict=True))  # fmt: skip
        model.load_state_dict(new)
        loss = torch.nn.CrossEntropyLoss(reduction="none")
        try:
            found.append(sharpness(model, loss, inputs, labels, tolerance=0.05).eigenvalue)
        except CourseError as error:
            print("sharpness:", error, flush=True)
            return None
    return round(float(np.mean(found)), 4)


if __name__ == "__main__":
    np.seterr(over="ignore", invalid="ignore")  # some learning rates are meant to diverge
    write_stored(
        "generalization",
        {
            "seed": SEED,
            "draws": DRAWS,
            "runs_per_draw": RUNS,
            "signals": [signals_row(*run) for run in SIGNAL_RUNS],
            "digits_rates": DIGIT_RATES,
            "digits_equal_epochs": [
                digits_row(size, DIGIT_EPOCHS * 1024 // size) for size in DIGIT_BATCHES
            ],
            "digits_equal_steps": [digits_row(size, DIGIT_STEPS) for size in (16, 64, 256)],
        },
    )
