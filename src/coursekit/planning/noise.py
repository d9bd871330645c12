"""How noisy the gradient is at one moment of training, with an interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import CourseError
from ..gradients import estimate_noise_scale
from ..pytorch.per_example import gradient_statistics
from .records import Noise, NoiseAt
from .steps import Steps, in_words

PAIRS = 10
COVERAGE = 0.9763
"""The normal distribution leaves as much outside this as Student's with 9 degrees of freedom leaves
outside 95 %: with ten pairs the spread itself is only an estimate."""
MOST_EXAMPLES = 512
"""In one large batch; larger ones would say more, and take longer."""
PER_EXAMPLE, TWO_BATCHES = "per-example gradients", "two batch sizes"
PARTS = 8
"""A large batch is at least this many small ones, where examples have no gradient of their own."""


def why_not_per_example(steps: Steps) -> str | None:
    """Why the model's examples have no gradients of their own, in a sentence; None if they do."""
    try:
        gradient_statistics(steps.workload.model, steps.workload.loss_fn, *steps.first(4))
    except CourseError as error:
        return str(error)
    except Exception as error:  # a model with parts that the method does not know
        return f"{type(error).__name__}: {error}"
    return None


def measure_noise(
    steps: Steps, *, step: int, num_examples: int, largest: int, method: str
) -> NoiseAt:
    """Noise scale of the mean loss at the parameters of this moment. No parameter is changed.

    Uses ``num_examples`` examples, in passes of at most ``largest``. If that is the whole data set
    the number is exact, and its interval has no width; else they make ten disjoint batches.
    """
    count = steps.workload.num_examples
    rng = np.random.default_rng([steps.seed, step])
    if method == PER_EXAMPLE and num_examples == count:
        small, signal = _from_examples(steps, np.arange(count), largest)
        exact = (small - signal) / signal if signal else None
        return NoiseAt(step, exact, exact, exact)
    per_pair = num_examples // PAIRS
    order = rng.permutation(count)[: PAIRS * per_pair].reshape(PAIRS, per_pair)
    if method == PER_EXAMPLE:
        part, pairs = 1, [_from_examples(steps, chosen, largest) for chosen in order]
    else:
        part = min(largest, max(1, per_pair // PARTS))
        pairs = [_from_parts(steps, chosen, part) for chosen in order]
    small_norms, big_norms = zip(*pairs, strict=True)
    try:
        found = estimate_noise_scale(
            small_norms,
            big_norms,
            small_batch=part,
            big_batch=per_pair // part * part,
            coverage=COVERAGE,
        )
    except CourseError:  # the noise hides the gradient
        return NoiseAt(step, None, None, None)
    return NoiseAt(step, found.examples, max(0.0, found.low), found.high)


def mean_noise(moments: Sequence[NoiseAt], *, method: str, because: str) -> Noise:
    """The mean over moments that are evenly spaced in steps.

    A run at a fixed batch size needs ∫(1 + noise scale / B) ds steps, so the critical batch size
    of a run is the mean of the noise scale over its steps, with equal weights.

    Source: McCandlish et al. 2018, arXiv:1812.06162, appendix D, where progress is counted in
    steps as here.
    """
    known = [(m.examples, m.low, m.high) for m in moments if m.examples is not None]
    if 2 * len(known) <= len(moments):
        return Noise(None, None, None, tuple(moments), method, because)
    examples, low, high = np.array(known, dtype=float).mean(axis=0).tolist()
    return Noise(examples, low, high, tuple(moments), method, because)


def _from_examples(steps: Steps, chosen: NDArray[np.int64], largest: int) -> tuple[float, float]:
    """Mean of |g|² over the examples, and |g|² of their mean; in passes of at most ``largest``."""
    norms, total = 0.0, torch.zeros((), dtype=torch.float64)
    for start in range(0, len(chosen), largest):
        batch = steps.fetch(chosen[start : start + largest])
        with in_words(len(batch[0])):
            found = gradient_statistics(steps.workload.model, steps.workload.loss_fn, *batch)
        norms += float(found.example_squared_norms.double().sum())
        mean = torch.cat([part.flatten().double() for part in found.mean.values()])
        total = total + mean.cpu() * found.num_examples
    return norms / len(chosen), float((total / len(chosen)).square().sum())


def _from_parts(steps: Steps, chosen: NDArray[np.int64], size: int) -> tuple[float, float]:
    """Mean of |g|² over the parts, and |g|² of their mean."""
    model = steps.workload.model
    small, total = [], torch.zeros((), dtype=torch.float64)
    num_parts = len(chosen) // size
    for part in chosen[: num_parts * size].reshape(num_parts, size):
        model.zero_grad(set_to_none=True)
        steps.gradient(steps.fetch(part))
        grads = [p.grad.flatten().double() for p in model.parameters() if p.grad is not None]
        gradient = torch.cat(grads).cpu()
        small.append(float(gradient.square().sum()))
        total = total + gradient
    model.zero_grad(set_to_none=True)
    return float(np.mean(small)), float((total / num_parts).square().sum())
