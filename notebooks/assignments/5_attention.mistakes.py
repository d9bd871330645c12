"""Wrong answers to 5_attention that students really give."""

import math

import numpy as np


# %% merge: plain-average
# Every worker counts the same here. A worker whose keys have larger scores
# has more of the weight: its sum of exponentials out of the sum of all.
def merge(outputs, log_sums):
    return outputs.mean(axis=0)


# %% merge: weights-are-logarithms
# The logarithms themselves are used as weights. The weights are the sums,
# so take exponentials first.
def merge(outputs, log_sums):
    with np.errstate(invalid="ignore", divide="ignore"):
        weights = log_sums / log_sums.sum(axis=0)
        return (weights[:, :, None] * outputs).sum(axis=0)


# %% merge: overflows
# Right on paper. In floats the exponential of a large logarithm is
# infinite, and that of a very small one is zero; subtract the largest
# logarithm first, which changes no ratio.
def merge(outputs, log_sums):
    with np.errstate(over="ignore", invalid="ignore"):
        weights = np.exp(log_sums)
        weights = weights / weights.sum(axis=0)
        return (weights[:, :, None] * outputs).sum(axis=0)


# %% merge: one-maximum-for-all
# The largest logarithm of all queries is subtracted from each. A query
# whose own are far below it is left with exponentials that are all zero;
# subtract each query's own maximum, over the workers.
def merge(outputs, log_sums):
    with np.errstate(invalid="ignore"):
        weights = np.exp(log_sums - log_sums.max())
        weights /= weights.sum(axis=0)
        return (weights[:, :, None] * outputs).sum(axis=0)


# %% merge: winner-takes-all
# Only the worker with the largest sum is heard. The others are small next
# to it, not nothing.
def merge(outputs, log_sums):
    winner = log_sums.argmax(axis=0)
    return outputs[winner, np.arange(outputs.shape[1])]


# %% merge: not-divided
# The largest logarithm is subtracted before the exponential, but the
# weights are not divided by their sum, so they do not add up to one.
def merge(outputs, log_sums):
    weights = np.exp(log_sums - log_sums.max(axis=0))
    return (weights[:, :, None] * outputs).sum(axis=0)


# %% visible-keys: corner-at-the-top-left
# The first query is taken for the first position. The queries are the
# newest: count from the end, so that the last query belongs to the last
# key.
def visible_keys(num_queries, num_keys, window):
    query = np.arange(num_queries)[:, None]
    key = np.arange(num_keys)
    return (key <= query) & (key > query - window)


# %% visible-keys: not-itself
# A query does not see its own key here. It does.
def visible_keys(num_queries, num_keys, window):
    query = np.arange(num_keys - num_queries, num_keys)[:, None]
    key = np.arange(num_keys)
    return (key < query) & (key > query - window)


# %% visible-keys: window-without-itself
# The window holds one key too many: its own key is one of the keys that a
# query sees.
def visible_keys(num_queries, num_keys, window):
    query = np.arange(num_keys - num_queries, num_keys)[:, None]
    key = np.arange(num_keys)
    return (key <= query) & (key >= query - window)


# %% visible-keys: no-window
# The window is ignored: a query sees all the keys before it.
def visible_keys(num_queries, num_keys, window):
    query = np.arange(num_keys - num_queries, num_keys)[:, None]
    return np.arange(num_keys) <= query


# %% visible-keys: into-the-future
# The mask is the wrong way round: queries see the keys after them.
def visible_keys(num_queries, num_keys, window):
    query = np.arange(num_keys - num_queries, num_keys)[:, None]
    key = np.arange(num_keys)
    return (key >= query) & (key < query + window)


# %% blocks-in-use: unfilled-block-shared
# The last, unfilled block of the prompt is shared as well. Two requests
# cannot both go on writing in it; each needs a copy.
def blocks_in_use(prefix, own, block_size):
    shared = math.ceil(prefix / block_size)
    return shared + sum(math.ceil(n / block_size) for n in own)


# %% blocks-in-use: nothing-shared
# Every request stores the whole prompt. The blocks that the prompt fills
# are stored once.
def blocks_in_use(prefix, own, block_size):
    return sum(math.ceil((prefix + n) / block_size) for n in own)


# %% blocks-in-use: tokens-in-one-pot
# The tokens of all requests are added up before they are cut into blocks. A
# block has one owner, so each request has an unfilled block of its own.
def blocks_in_use(prefix, own, block_size):
    return math.ceil((prefix + sum(own)) / block_size)


# %% blocks-in-use: rest-of-the-prompt-lost
# The tokens of the prompt that do not fill a block are not stored anywhere.
def blocks_in_use(prefix, own, block_size):
    shared = prefix // block_size
    return shared + sum(math.ceil(n / block_size) for n in own)
