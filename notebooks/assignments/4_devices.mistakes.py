"""Wrong answers to 4_devices that students really give."""

import numpy as np


# %% clipped-gradient: mean-of-the-means
# Every piece counts the same here, however many tokens it has. Weight each
# by its tokens.
def clipped_gradient(grads, num_tokens, max_norm):
    mean = np.mean(grads, axis=0)
    return mean * min(1, max_norm / np.linalg.norm(mean))


# %% clipped-gradient: clips-each-piece
# Each piece is clipped on its own. A piece with a large gradient loses
# weight that way, and the sum is no longer the clipped sum; clip once, at
# the end.
def clipped_gradient(grads, num_tokens, max_norm):
    clipped = [
        grad * min(1, max_norm / np.linalg.norm(grad)) for grad in grads
    ]
    return np.asarray(num_tokens) @ np.asarray(clipped) / sum(num_tokens)


# %% clipped-gradient: never-divided
# The gradients are added up, tokens times mean, but never divided by the
# number of all tokens.
def clipped_gradient(grads, num_tokens, max_norm):
    total = np.asarray(num_tokens) @ np.asarray(grads)
    return total * min(1, max_norm / np.linalg.norm(total))


# %% clipped-gradient: always-rescaled
# The result always has the norm max_norm. Clipping leaves a gradient alone
# whose norm is smaller.
def clipped_gradient(grads, num_tokens, max_norm):
    mean = np.asarray(num_tokens) @ np.asarray(grads) / sum(num_tokens)
    return mean * max_norm / np.linalg.norm(mean)


# %% clipped-gradient: clips-each-number
# Each number is cut off at max_norm. That is clipping by value, and it
# turns the direction; clipping by norm scales the whole vector.
def clipped_gradient(grads, num_tokens, max_norm):
    mean = np.asarray(num_tokens) @ np.asarray(grads) / sum(num_tokens)
    return np.clip(mean, -max_norm, max_norm)


# %% ring-seconds: one-lap
# This is the first lap alone. After it each rank holds one complete chunk;
# a second lap hands them on.
def ring_seconds(num_bytes, world_size, bandwidth, latency):
    message = latency + num_bytes / world_size / bandwidth
    return (world_size - 1) * message


# %% ring-seconds: whole-gradient-each-time
# Each message is the whole gradient here. A ring sends chunks, 1/K of it,
# which is why it hardly slows down as it grows.
def ring_seconds(num_bytes, world_size, bandwidth, latency):
    return 2 * (world_size - 1) * (latency + num_bytes / bandwidth)


# %% ring-seconds: one-message-too-many
# A lap takes K - 1 messages, not K: the last chunk is complete when it has
# met all the others.
def ring_seconds(num_bytes, world_size, bandwidth, latency):
    return 2 * world_size * (latency + num_bytes / world_size / bandwidth)


# %% ring-seconds: latency-once
# The latency is paid once here. Each message waits for it, and on a large
# ring with small gradients that is nearly all of the time.
def ring_seconds(num_bytes, world_size, bandwidth, latency):
    chunk = num_bytes / world_size / bandwidth
    return latency + 2 * (world_size - 1) * chunk


# %% stale-descent: no-delay
# The gradient is taken at the present weight, as if nothing were late.
def stale_descent(start, curvature, learning_rate, delay, steps):
    rate = learning_rate * curvature
    return start * (1 - rate) ** np.arange(steps + 1)


# %% stale-descent: waits-for-the-first
# Nothing moves until a gradient of that age exists. Workers do not wait:
# the first gradients are those at the start.
def stale_descent(start, curvature, learning_rate, delay, steps):
    weights = [start]
    for step in range(steps):
        seen = weights[step - delay] if step >= delay else 0.0
        weights.append(weights[-1] - learning_rate * curvature * seen)
    return np.array(weights)


# %% stale-descent: old-weight-too
# The update starts from the old weight as well. Only the gradient is late;
# it is subtracted from the weight as it is now.
def stale_descent(start, curvature, learning_rate, delay, steps):
    weights = [start]
    for step in range(steps):
        seen = weights[max(0, step - delay)]
        weights.append(seen - learning_rate * curvature * seen)
    return np.array(weights)


# %% stale-descent: one-update-too-old
# The gradient is one update older than asked for. With a delay of 0 it is
# the present one.
def stale_descent(start, curvature, learning_rate, delay, steps):
    weights = [start]
    for step in range(steps):
        seen = weights[max(0, step - delay - 1)]
        weights.append(weights[-1] - learning_rate * curvature * seen)
    return np.array(weights)
