"""Wrong answers to 1_estimator that students really give."""

import math

import numpy as np


# %% stratified-gradient: plain-mean
# This is the plain mean of the batch. A stratum that was drawn more often
# than its share of the data counts too much; weight each stratum by its
# share of all examples.
def stratified_gradient(grads, strata, chosen):
    return grads[chosen].mean(axis=0)


# %% stratified-gradient: equal-strata
# Every stratum counts the same here, however many examples it has. In the
# mean over all examples a stratum has the weight of its share, its number
# of examples divided by N.
def stratified_gradient(grads, strata, chosen):
    means = [
        grads[chosen[strata[chosen] == stratum]].mean(axis=0)
        for stratum in np.unique(strata)
    ]
    return np.mean(means, axis=0)


# %% stratified-gradient: divided-by-the-batch
# The gradients of a stratum are added up and divided by the size of the
# whole batch. Divide by the number drawn from this stratum: its mean is
# what the share weights.
def stratified_gradient(grads, strata, chosen):
    estimate = np.zeros(grads.shape[1])
    for stratum in np.unique(strata):
        drawn = chosen[strata[chosen] == stratum]
        share = np.mean(strata == stratum)
        estimate += share * grads[drawn].sum(axis=0) / len(chosen)
    return estimate


# %% stratified-gradient: looks-at-everything
# This is the full gradient itself, from all rows of grads. An estimate may
# look at the batch alone.
def stratified_gradient(grads, strata, chosen):
    return grads.mean(axis=0)


# %% batch-size-for: deviation-like-1-over-B
# The variance falls like 1/B, the standard deviation only like its root:
# for half the standard deviation the batch has to be four times as large,
# not twice.
def batch_size_for(values, target, replace):
    num_examples = len(values)
    needed = np.std(values) / target
    if not replace:
        needed = num_examples * needed / (num_examples - 1 + needed)
    return max(1, math.ceil(needed))


# %% batch-size-for: no-correction
# Without replacement the variance carries the factor (N - B)/(N - 1), so a
# smaller batch will do; this answer is the same for both ways to draw.
def batch_size_for(values, target, replace):
    return max(1, math.ceil(np.var(values) / target**2))


# %% batch-size-for: rounded-down
# Rounded down, the batch is a little too small and its noise a little above
# the target.
def batch_size_for(values, target, replace):
    num_examples = len(values)
    needed = np.var(values) / target**2
    if not replace:
        needed = num_examples * needed / (num_examples - 1 + needed)
    return max(1, int(needed))


# %% batch-size-for: at-most-everything
# The batch is cut off at N. With replacement a batch may be larger than the
# data set, and for very little noise it has to be.
def batch_size_for(values, target, replace):
    num_examples = len(values)
    needed = np.var(values) / target**2
    if not replace:
        needed = num_examples * needed / (num_examples - 1 + needed)
    return max(1, min(num_examples, math.ceil(needed)))


# %% variance-after: batches-as-independent
# Batches of one epoch are not independent: what one has seen, the next
# cannot see. Together they are one batch of K·B examples drawn without
# replacement.
def variance_after(values, batch_size, steps, order):
    num_examples, variance = len(values), np.var(values)
    if order == "replacement":
        return variance / (batch_size * steps)
    left = (num_examples - batch_size) / (num_examples - 1)
    one = variance / batch_size * left
    return one if order == "same batch" else one / steps


# %% variance-after: repetition-as-news
# Using the same batch again brings nothing new: the mean of K equal numbers
# is as noisy as one of them.
def variance_after(values, batch_size, steps, order):
    num_examples, variance = len(values), np.var(values)
    drawn = batch_size * steps
    if order == "replacement":
        return variance / drawn
    return variance / drawn * (num_examples - drawn) / (num_examples - 1)


# %% variance-after: no-correction
# The factor (N - n)/(N - 1) for n examples drawn without replacement is
# missing. Without it a whole epoch would still be noisy, and it has seen
# everything.
def variance_after(values, batch_size, steps, order):
    drawn = batch_size if order == "same batch" else batch_size * steps
    return np.var(values) / drawn


# %% variance-after: standard-deviation
# This is the standard deviation; the question asks for the variance, its
# square.
def variance_after(values, batch_size, steps, order):
    num_examples, variance = len(values), np.var(values)
    drawn = batch_size if order == "same batch" else batch_size * steps
    if order == "replacement":
        return math.sqrt(variance / drawn)
    left = (num_examples - drawn) / (num_examples - 1)
    return math.sqrt(variance / drawn * left)
