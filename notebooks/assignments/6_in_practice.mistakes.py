"""Wrong answers to 6_in_practice that students really give."""

import math

import numpy as np


# %% plan: forgets-the-devices
# The batch is not divided between the devices, so together they pass
# world_size times as many examples as the recipe wants.
def plan(global_batch, largest_micro, world_size):
    if global_batch % world_size:
        return None
    passes = math.ceil(global_batch / largest_micro)
    while global_batch % passes:
        passes += 1
    return global_batch // passes, passes


# %% plan: too-many-examples
# The micro-batch is as large as fits and the passes are rounded up, so an
# update sees more examples than the recipe wants. The product has to be
# exact.
def plan(global_batch, largest_micro, world_size):
    share, rest = divmod(global_batch, world_size)
    if rest:
        return None
    micro = min(share, largest_micro)
    return micro, math.ceil(share / micro)


# %% plan: examples-left-out
# The share of a device is cut into the fewest passes and rounded down, so
# some examples are left out. The product has to be exact.
def plan(global_batch, largest_micro, world_size):
    share, rest = divmod(global_batch, world_size)
    if rest:
        return None
    passes = math.ceil(share / largest_micro)
    return share // passes, passes


# %% plan: never-refuses
# Where the batch cannot be divided evenly between the devices there is no
# plan, and None is asked for.
def plan(global_batch, largest_micro, world_size):
    share = global_batch // world_size
    passes = math.ceil(share / largest_micro)
    while share % passes:
        passes += 1
    return share // passes, passes


# %% plan: one-example-a-pass
# One example a pass always fits, and needs the most passes there can be.
# The fewest are asked for.
def plan(global_batch, largest_micro, world_size):
    share, rest = divmod(global_batch, world_size)
    return None if rest else (1, share)


# %% fastest-batch: highest-throughput
# This is the batch size with the most examples a second. Beyond the
# critical batch size, examples teach less; count the time to the target.
def fastest_batch(batch_sizes, seconds, min_steps, critical, max_examples):
    steps = min_steps * (1 + critical / batch_sizes)
    affordable = steps * batch_sizes <= max_examples
    rate = np.where(affordable, batch_sizes / seconds, 0)
    return int(batch_sizes[np.argmax(rate)])


# %% fastest-batch: fewest-steps
# The largest batch takes the fewest steps, but its steps are long. Multiply
# by the seconds of a step.
def fastest_batch(batch_sizes, seconds, min_steps, critical, max_examples):
    steps = min_steps * (1 + critical / batch_sizes)
    affordable = steps * batch_sizes <= max_examples
    return int(batch_sizes[affordable].max())


# %% fastest-batch: no-limit
# The limit on the examples is ignored.
def fastest_batch(batch_sizes, seconds, min_steps, critical, max_examples):
    steps = min_steps * (1 + critical / batch_sizes)
    return int(batch_sizes[np.argmin(steps * seconds)])


# %% fastest-batch: shortest-step
# This is the batch size with the shortest step. Small batches need many of
# them; multiply by the number of steps.
def fastest_batch(batch_sizes, seconds, min_steps, critical, max_examples):
    steps = min_steps * (1 + critical / batch_sizes)
    affordable = steps * batch_sizes <= max_examples
    time = np.where(affordable, seconds, np.inf)
    return int(batch_sizes[np.argmin(time)])


# %% interval: not-paired
# The two sets are compared as if their seeds had nothing to do with each
# other, so the luck that both share is counted as noise. Take the
# differences, seed by seed.
def interval(first, second, t):
    mean = np.mean(second) - np.mean(first)
    spread = np.var(first, ddof=1) + np.var(second, ddof=1)
    error = math.sqrt(spread / len(first))
    return mean - t * error, mean + t * error


# %% interval: spread-instead-of-error
# This is where a single difference lies. The mean of n differences is known
# better, by the root of n.
def interval(first, second, t):
    differences = np.asarray(second) - np.asarray(first)
    mean, spread = differences.mean(), differences.std(ddof=1)
    return mean - t * spread, mean + t * spread


# %% interval: divided-by-n
# The standard deviation divides by n. Estimated from a sample it divides by
# n - 1 (ddof=1), and t is meant for that.
def interval(first, second, t):
    differences = np.asarray(second) - np.asarray(first)
    error = differences.std() / math.sqrt(len(differences))
    mean = differences.mean()
    return mean - t * error, mean + t * error


# %% interval: wrong-way-round
# The sign is turned around: second - first is asked for, which is negative
# where the second is better.
def interval(first, second, t):
    differences = np.asarray(first) - np.asarray(second)
    error = differences.std(ddof=1) / math.sqrt(len(differences))
    mean = differences.mean()
    return mean - t * error, mean + t * error
