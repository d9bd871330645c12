"""How many bytes a forward pass keeps for its backward pass, counted tensor by tensor."""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks


class KeptForBackward:
    """Count the bytes that autograd keeps between forward and backward.

    Inside ``with KeptForBackward(there_anyway) as kept:`` every tensor that an operation saves for
    its backward pass is counted while it lives. Memory that several tensors share counts once.
    Tensors that are ``there_anyway`` do not count: parameters, and data of which the micro-batches
    are parts. The number depends on shapes and types alone, not on the machine.

    >>> import torch
    >>> model, inputs = torch.nn.Linear(3, 2), torch.ones(5, 3)
    >>> with KeptForBackward([*model.parameters(), inputs]) as kept:
    ...     loss = model(inputs).tanh().sum()  # tanh keeps its 5 · 2 results of 4 bytes
    >>> kept.now
    40
    >>> loss.backward()
    >>> kept.now, kept.peak
    (0, 40)

    Attributes
    ----------
    now, peak
        Bytes kept at this moment, and the most there have been at any moment.
    """

    def __init__(self, there_anyway: Iterable[Tensor]) -> None:
        """Begin at zero; nothing is counted before the ``with``."""
        self.now = 0
        self.peak = 0
        self._users: Counter[int] = Counter()  # how many saved tensors use the memory at an address
        self._there_anyway = {tensor.untyped_storage().data_ptr() for tensor in there_anyway}
        self._hooks = saved_tensors_hooks(self._keep, _Kept.tensor_of)

    def __enter__(self) -> KeptForBackward:
        """Begin to count what is saved from here on."""
        self._hooks.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Count no more; what is still kept leaves ``now`` when it is freed."""
        self._hooks.__exit__(kind, error, trace)

    def _keep(self, tensor: Tensor) -> _Kept:
        kept = _Kept(tensor.detach())
        storage = tensor.untyped_storage()
        address, size = storage.data_ptr(), storage.nbytes()
        if address not in self._there_anyway:
            if not self._users[address]:
                self.now += size
                self.peak = max(self.peak, self.now)
            self._users[address] += 1
            weakref.finalize(kept, self._free, address, size)
        return kept

    def _free(self, address: int, size: int) -> None:
        self._users[address] -= 1
        if not self._users[address]:
            self.now -= size


class _Kept:
    """A tensor on its way from the forward to the backward pass."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def tensor_of(self) -> Tensor:
        """Hand the tensor to the backward pass."""
        return self.tensor
