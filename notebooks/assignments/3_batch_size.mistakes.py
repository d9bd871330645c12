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


# %% accumulated-noise-scale: mean-of-ratios
# A ratio is formed for each step, and the ratios are averaged. Where the
# estimate of |G|² happens to be near zero a ratio is huge, so their mean is
# worth nothing; average first, divide once.
def accumulated_noise_scale(micro_grads, micro_batch_size):
    small = np.mean(np.sum(micro_grads**2, axis=2), axis=1)
    large = np.sum(micro_grads.mean(axis=1) ** 2, axis=1)
    batch_size = micro_batch_size * micro_grads.shape[1]
    trace = (small - large) / (1 / micro_batch_size - 1 / batch_size)
    return np.mean(trace / (large - trace / batch_size))


# %% accumulated-noise-scale: large-batch-as-the-truth
# The norm of the large batch is used as |G|². It still has the noise of its
# batch in it, trΣ/B; take that away first.
def accumulated_noise_scale(micro_grads, micro_batch_size):
    small = np.mean(np.sum(micro_grads**2, axis=2))
    large = np.mean(np.sum(micro_grads.mean(axis=1) ** 2, axis=1))
    batch_size = micro_batch_size * micro_grads.shape[1]
    trace = (small - large) / (1 / micro_batch_size - 1 / batch_size)
    return trace / large


# %% accumulated-noise-scale: sum-for-the-large-batch
# The large batch is the sum of the micro-batches here. The optimizer gets
# their mean, and so does the formula.
def accumulated_noise_scale(micro_grads, micro_batch_size):
    small = np.mean(np.sum(micro_grads**2, axis=2))
    large = np.mean(np.sum(micro_grads.sum(axis=1) ** 2, axis=1))
    batch_size = micro_batch_size * micro_grads.shape[1]
    trace = (small - large) / (1 / micro_batch_size - 1 / batch_size)
    return trace / (large - trace / batch_size)


# %% accumulated-noise-scale: in-micro-batches
# This counts micro-batches. The noise scale is a number of examples: the
# small batch has micro_batch_size of them, not one.
def accumulated_noise_scale(micro_grads, micro_batch_size):
    small = np.mean(np.sum(micro_grads**2, axis=2))
    large = np.mean(np.sum(micro_grads.mean(axis=1) ** 2, axis=1))
    passes = micro_grads.shape[1]
    trace = (small - large) / (1 - 1 / passes)
    return trace / (large - trace / passes)


# %% accumulated-noise-scale: difference-not-scaled
# The difference of the two norms is taken for trΣ. It is trΣ times (1/b -
# 1/B).
def accumulated_noise_scale(micro_grads, micro_batch_size):
    small = np.mean(np.sum(micro_grads**2, axis=2))
    large = np.mean(np.sum(micro_grads.mean(axis=1) ** 2, axis=1))
    batch_size = micro_batch_size * micro_grads.shape[1]
    trace = small - large
    return trace / (large - trace / batch_size)
