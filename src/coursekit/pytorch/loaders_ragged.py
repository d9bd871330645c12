"""Sequences of unequal length as one rectangular batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..errors import CourseError


def pad_collate(
    examples: Sequence[tuple[Tensor, int]], *, padding_value: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Collate ``(sequence, label)`` pairs: pad each sequence to the longest of the batch.

    Returns ``(tokens, mask, labels)`` of shapes ``(B, T)``, ``(B, T)`` and ``(B,)``, where T is
    the length of the longest sequence here. ``mask`` is True where a token is real: a loss that
    leaves it out averages over padding.

    >>> tokens, mask, labels = pad_collate([(torch.tensor([5, 6, 7]), 0), (torch.tensor([8]), 1)])
    >>> tokens.tolist(), mask.tolist()
    ([[5, 6, 7], [8, 0, 0]], [[True, True, True], [True, False, False]])

    Raises
    ------
    CourseError
        When there is no example.
    """
    if not examples:
        raise CourseError("pad_collate got no example; a batch needs at least one.")
    sequences = [sequence for sequence, _ in examples]
    tokens = pad_sequence(sequences, batch_first=True, padding_value=padding_value)
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    mask = torch.arange(tokens.shape[1]) < lengths[:, None]
    return tokens, mask, torch.tensor([label for _, label in examples])
