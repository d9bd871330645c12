"""Steps to a target loss at eleven batch sizes, the learning rate tuned at each.

    python benchmarks/critical_batch.py

stores what chapter 09 reads, src/coursekit/data/stored/critical_batch.json.
"""

from __future__ import annotations

from interleave import write_stored

# The import above limits NumPy to one thread, so it comes first.
# isort: split

import numpy as np

from coursekit.data import Classification, digits
from coursekit.training.critical_batch import (
    critical_batch_interval,
    fit_critical_batch,
    steps_to_target,
)
from coursekit.training.ensemble import ensemble_steps
from coursekit.training.network_ensemble import (
    network_gradients,
    network_noise_scales,
    network_scores,
    network_start,
)

SEED = 9
TARGETS = (0.4, 0.1, 0.03)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1536)
LEARNING_RATES = tuple(0.0125 * 2**k for k in range(11))
TUNING_SEEDS, SEEDS, HIDDEN, MAX_STEPS = 8, 20, 64, 10_000


def training_digits() -> Classification:
    """1536 digits, so that every batch size divides them and no batch is short."""
    data = digits()
    chosen = np.random.default_rng(SEED).permutation(data.num_examples)[:1536]
    return Classification(data.features[chosen], data.labels[chosen], data.num_classes)


def runs(
    data: Classification, batch_size: int, rate: float, target: float, members: int,
    *, max_steps: int, fresh: bool,
) -> np.ndarray:  # fmt: skip
    """Steps to the target for each member; the seeds differ by batch size, and for fresh runs."""
    rng = np.random.default_rng([SEED, batch_size, int(fresh)])
    start = network_start(data, hidden=HIDDEN, members=members, rng=rng)
    trained = ensemble_steps(
        network_gradients(data), start, num_examples=data.num_examples,
        batch_size=batch_size, learning_rate=rate, rng=rng,
    )  # fmt: skip
    every = max(1, round(expected_steps(batch_size) / 60))
    return steps_to_target(
        trained, lambda params: network_scores(params, data)[0],
        target=target, max_steps=max_steps, every=every,
    )  # fmt: skip


def expected_steps(batch_size: int) -> float:
    """Roughly; it only decides how often the loss is looked at."""
    return 40 * (1 + 40 / batch_size)


def tuned_rate(data: Classification, batch_size: int, target: float) -> tuple[float, dict]:
    """The learning rate of the grid with the fewest steps, by mean over the tuning seeds."""
    means: dict[float, float] = {}
    guess = min(range(len(LEARNING_RATES)), key=lambda k: abs(LEARNING_RATES[k] - 0.4))
    for walk in (range(guess, len(LEARNING_RATES)), range(guess - 1, -1, -1)):
        for rate in (LEARNING_RATES[k] for k in walk):
            limit = int(min([MAX_STEPS, *(1.5 * mean for mean in means.values())]))
            steps = runs(data, batch_size, rate, target, TUNING_SEEDS, max_steps=limit, fresh=False)
            means[rate] = float(steps.mean())
            if not np.isfinite(means[rate]):  # 1.5 times as many as the best, or diverged
                break
    return min(means, key=lambda rate: means[rate]), means


def noise_on_the_way(data: Classification, batch_size: int, rate: float, steps: int) -> list:
    """Loss and noise scale at 40 places of three runs that last ``steps`` steps."""
    rng = np.random.default_rng([SEED, batch_size, 2])
    start = network_start(data, hidden=HIDDEN, members=3, rng=rng)
    trained = ensemble_steps(
        network_gradients(data), start, num_examples=data.num_examples,
        batch_size=batch_size, learning_rate=rate, rng=rng,
    )  # fmt: skip
    wanted, found = {max(1, round(steps * (k + 1) / 40)) for k in range(40)}, []
    for step, params in zip(range(1, steps + 1), trained, strict=False):
        if step in wanted:
            losses = network_scores(params, data)[0]
            scales = network_noise_scales(params, data)
            found.append([step, round(float(losses.mean()), 5), [round(s, 2) for s in scales]])
    return found


def sweep(data: Classification, target: float) -> dict:
    rows, runs_at = [], []
    for batch_size in BATCH_SIZES:
        rate, tried = tuned_rate(data, batch_size, target)
        failed: list[float] = []
        while True:
            steps = runs(data, batch_size, rate, target, SEEDS, max_steps=MAX_STEPS, fresh=True)
            if np.isfinite(steps).all():
                break
            failed.append(rate)  # one of the fresh runs never got there: a step too bold
            rate = LEARNING_RATES[LEARNING_RATES.index(rate) - 1]
        runs_at.append(steps)
        on_the_way = noise_on_the_way(data, batch_size, rate, round(float(steps.mean())))
        rows.append(
            {
                "batch_size": batch_size,
                "learning_rate": rate,
                "failed_learning_rates": failed,
                "tried": {f"{lr:g}": s if np.isfinite(s) else None for lr, s in tried.items()},
                "steps": [int(s) for s in steps],
                "noise": on_the_way,
            }
        )
        mean_noise = np.mean([scales for _, _, scales in on_the_way])
        print(
            f"{target=} {batch_size=} {rate=:g} {failed=} steps {steps.mean():.1f} "
            f"sd {steps.std():.1f} noise scale on the way {mean_noise:.1f}", flush=True,
        )  # fmt: skip
    means = np.array([steps.mean() for steps in runs_at])
    fit = fit_critical_batch(BATCH_SIZES, means)
    low, high = critical_batch_interval(BATCH_SIZES, runs_at, rng=np.random.default_rng(SEED))
    print(fit, low, high, "worst", np.abs(np.log(fit.steps(BATCH_SIZES) / means)).max(), flush=True)
    return {"target": target, "batch_sizes": rows}


if __name__ == "__main__":
    training = training_digits()
    write_stored(
        "critical_batch",
        {
            "data": "digits, 1536 examples for training, all of them for the loss",
            "seed": SEED,
            "hidden": HIDDEN,
            "learning_rates": LEARNING_RATES,
            "tuning_seeds": TUNING_SEEDS,
            "seeds": SEEDS,
            "sweeps": [sweep(training, target) for target in TARGETS],
        },
    )
