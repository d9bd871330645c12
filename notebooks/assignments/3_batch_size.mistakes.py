"""Wrong answers to 3_batch_size that students really give."""

import math

import numpy as np


# %% largest-batch: no-fixed-part
# Memory is taken to be proportional to the batch size. The fixed part,
# parameters and optimizer state, is paid once and not for every example;
# fit a line that need not go through zero.
def largest_batch(batch_sizes, peak_bytes, budget):
    per_example = np.sum(batch_sizes * peak_bytes) / np.sum(batch_sizes**2)
    return max(0, math.floor(budget / per_example))


# %% largest-batch: fixed-part-not-subtracted
# The bytes an example are right, but the whole budget is spent on examples.
# The fixed part has to fit too.
def largest_batch(batch_sizes, peak_bytes, budget):
    per_example, _ = np.polyfit(batch_sizes, peak_bytes, 1)
    return max(0, math.floor(budget / per_example))


# %% largest-batch: rounded-up
# Rounded up, the batch needs a little more memory than there is, and the
# run crashes.
def largest_batch(batch_sizes, peak_bytes, budget):
    per_example, fixed = np.polyfit(batch_sizes, peak_bytes, 1)
    return max(0, math.ceil((budget - fixed) / per_example))


# %% largest-batch: scaled-from-the-last
# The last measurement is scaled up to the budget, and its fixed part with
# it.
def largest_batch(batch_sizes, peak_bytes, budget):
    return math.floor(batch_sizes[-1] * budget / peak_bytes[-1])


# %% largest-batch: two-points-only
# The line goes through the first and the last measurement and ignores the
# others. Each is a little off; least squares uses them all.
def largest_batch(batch_sizes, peak_bytes, budget):
    rise = peak_bytes[-1] - peak_bytes[0]
    per_example = rise / (batch_sizes[-1] - batch_sizes[0])
    fixed = peak_bytes[0] - per_example * batch_sizes[0]
    return max(0, math.floor((budget - fixed) / per_example))


# %% learning-rate-at: linear-for-adam
# The rate is scaled with the batch size for both optimizers. Adam divides
# by the size of the noise already, so its rule is the square root.
def learning_rate_at(
    step, base_rate, base_batch, batch_size, warmup_steps, optimizer
):
    climbed = min(1, step / warmup_steps)
    return base_rate * (1 + climbed * (batch_size / base_batch - 1))


# %% learning-rate-at: root-for-both
# The rate is scaled with the square root of the batch size for both
# optimizers. For SGD the rule is linear.
def learning_rate_at(
    step, base_rate, base_batch, batch_size, warmup_steps, optimizer
):
    climbed = min(1, step / warmup_steps)
    factor = math.sqrt(batch_size / base_batch)
    return base_rate * (1 + climbed * (factor - 1))


# %% learning-rate-at: warm-up-from-zero
# The warm-up starts at zero. Here it starts at the base rate, which is
# known to work.
def learning_rate_at(
    step, base_rate, base_batch, batch_size, warmup_steps, optimizer
):
    factor = batch_size / base_batch
    if optimizer == "adam":
        factor = math.sqrt(factor)
    return base_rate * factor * min(1, step / warmup_steps)


# %% learning-rate-at: never-stops-climbing
# The rate goes on climbing after the warm-up; from step warmup_steps on it
# stays.
def learning_rate_at(
    step, base_rate, base_batch, batch_size, warmup_steps, optimizer
):
    factor = batch_size / base_batch
    if optimizer == "adam":
        factor = math.sqrt(factor)
    return base_rate * (1 + step / warmup_steps * (factor - 1))


# %% learning-rate-at: no-warm-up
# The new rate is used from the first step. Climb to it over warmup_steps.
def learning_rate_at(
    step, base_rate, base_batch, batch_size, warmup_steps, optimizer
):
    factor = batch_size / base_batch
    if optimizer == "adam":
        factor = math.sqrt(factor)
    return base_rate * factor


# %% noise-scale: mean-of-ratios
# A ratio is formed for each pair, and the ratios are averaged. Where the
# estimate of |G|² happens to be near zero a ratio is huge, so their mean is
# worth nothing; average first, divide once.
def noise_scale(small_norms, large_norms, small_batch, large_batch):
    inverse = 1 / small_batch - 1 / large_batch
    traces = (small_norms - large_norms) / inverse
    squared = large_norms - traces / large_batch
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.mean(traces / squared)


# %% noise-scale: large-batch-taken-as-the-truth
# The norm of the large batch is used as |G|². It still has the noise of its
# batch in it, trΣ/B; take that away first.
def noise_scale(small_norms, large_norms, small_batch, large_batch):
    small, large = np.mean(small_norms), np.mean(large_norms)
    trace = (small - large) / (1 / small_batch - 1 / large_batch)
    return trace / large


# %% noise-scale: difference-not-scaled
# The difference of the two norms is not trΣ but trΣ times (1/b - 1/B).
def noise_scale(small_norms, large_norms, small_batch, large_batch):
    small, large = np.mean(small_norms), np.mean(large_norms)
    full = large_batch * large - small_batch * small
    squared = full / (large_batch - small_batch)
    return (small - large) / squared


# %% noise-scale: upside-down
# This is |G|² divided by trΣ: signal to noise, and not noise to signal.
def noise_scale(small_norms, large_norms, small_batch, large_batch):
    small, large = np.mean(small_norms), np.mean(large_norms)
    trace = (small - large) / (1 / small_batch - 1 / large_batch)
    with np.errstate(divide="ignore"):
        return (large - trace / large_batch) / trace
