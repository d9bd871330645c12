"""Wrong answers to 2_loader that students really give."""

import numpy as np


# %% epoch-loss: mean-of-batch-means
# Every batch counts the same here, so the examples of a batch with padding
# count more than the others. Add up all losses and divide once, by the
# number of examples.
def epoch_loss(losses, masks):
    pairs = zip(losses, masks, strict=True)
    return np.mean([loss[mask].mean() for loss, mask in pairs])


# %% epoch-loss: padding-in-the-count
# The sum is over examples, but it is divided by the number of rows, padding
# included. Count what the masks mark.
def epoch_loss(losses, masks):
    pairs = zip(losses, masks, strict=True)
    total = sum(loss[mask].sum() for loss, mask in pairs)
    return total / sum(len(loss) for loss in losses)


# %% epoch-loss: times-the-mask
# Multiplying by the mask does not remove what stands in the padding: nan
# times zero is nan. Pick the rows of examples instead, loss[mask].
def epoch_loss(losses, masks):
    pairs = zip(losses, masks, strict=True)
    total = sum((loss * mask).sum() for loss, mask in pairs)
    return total / sum(mask.sum() for mask in masks)


# %% epoch-loss: ignores-the-mask
# The rows of padding are averaged along with the examples.
def epoch_loss(losses, masks):
    return np.concatenate(losses).mean()


# %% next-batch: counts-examples
# Steps times batch size counts examples as if batches ran on across the end
# of an epoch. There a batch is short or left out, and the next epoch begins
# anew; count whole steps an epoch.
def next_batch(steps_taken, num_examples, batch_size, drop_last):
    epoch, start = divmod(steps_taken * batch_size, num_examples)
    return epoch, start, min(start + batch_size, num_examples)


# %% next-batch: never-drops
# An epoch has the same number of steps here with and without drop_last.
# With it, the short batch does not count as a step.
def next_batch(steps_taken, num_examples, batch_size, drop_last):
    epoch, step = divmod(steps_taken, -(-num_examples // batch_size))
    start = step * batch_size
    return epoch, start, min(start + batch_size, num_examples)


# %% next-batch: always-drops
# An epoch has the same number of steps here with and without drop_last.
# Without it, the short batch is one more step.
def next_batch(steps_taken, num_examples, batch_size, drop_last):
    epoch, step = divmod(steps_taken, num_examples // batch_size)
    start = step * batch_size
    return epoch, start, min(start + batch_size, num_examples)


# %% next-batch: past-the-end
# The short batch ends beyond the last example; stop is at most N.
def next_batch(steps_taken, num_examples, batch_size, drop_last):
    steps_per_epoch = num_examples // batch_size
    if not drop_last and num_examples % batch_size:
        steps_per_epoch += 1
    epoch, step = divmod(steps_taken, steps_per_epoch)
    start = step * batch_size
    return epoch, start, start + batch_size


# %% next-batch: repeats-the-last
# This is the batch that was used last. The next one is asked for: after 0
# steps that is the first.
def next_batch(steps_taken, num_examples, batch_size, drop_last):
    steps_per_epoch = num_examples // batch_size
    if not drop_last and num_examples % batch_size:
        steps_per_epoch += 1
    epoch, step = divmod(steps_taken - 1, steps_per_epoch)
    start = step * batch_size
    return epoch, start, min(start + batch_size, num_examples)


# %% batches-by-tokens: forgets-the-padding
# The budget is held against the sum of the lengths. A batch is a rectangle:
# its rows times its longest row, padding included.
def batches_by_tokens(lengths, max_tokens):
    batches, total = [[]], 0
    for index, length in enumerate(lengths):
        if total + length > max_tokens:
            batches.append([])
            total = 0
        batches[-1].append(index)
        total += length
    return batches


# %% batches-by-tokens: one-too-many
# The batch is closed after it has gone over the budget. Ask before adding a
# sentence whether the batch would still fit.
def batches_by_tokens(lengths, max_tokens):
    batches, longest = [[]], 0
    for index, length in enumerate(lengths):
        longest = max(longest, length)
        batches[-1].append(index)
        if longest * len(batches[-1]) > max_tokens:
            batches.append([])
            longest = 0
    return [batch for batch in batches if batch]


# %% batches-by-tokens: last-batch-lost
# The batch that is being filled when the sentences end is never handed out.
def batches_by_tokens(lengths, max_tokens):
    batches, current, longest = [], [], 0
    for index, length in enumerate(lengths):
        longest = max(longest, length)
        if longest * (len(current) + 1) > max_tokens:
            batches.append(current)
            current, longest = [], length
        current.append(index)
    return batches


# %% batches-by-tokens: exact-fit-refused
# A batch that fills the budget exactly is allowed; this one begins a new
# batch too early.
def batches_by_tokens(lengths, max_tokens):
    batches, longest = [[]], 0
    for index, length in enumerate(lengths):
        longest = max(longest, length)
        if batches[-1] and longest * (len(batches[-1]) + 1) >= max_tokens:
            batches.append([])
            longest = length
        batches[-1].append(index)
    return batches


# %% batches-by-tokens: sorted-first
# Sorting by length saves padding, and it changes the order of the
# sentences. The question asks for batches in the order in which they come.
def batches_by_tokens(lengths, max_tokens):
    batches, longest = [[]], 0
    for index in np.argsort(lengths, kind="stable").tolist():
        longest = max(longest, lengths[index])
        if longest * (len(batches[-1]) + 1) > max_tokens:
            batches.append([])
            longest = lengths[index]
        batches[-1].append(index)
    return batches
