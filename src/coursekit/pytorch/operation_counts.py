"""Operations and bytes of any PyTorch computation, counted while it runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from ..hardware import Work
from .throughput import tensors_in


def count_work(run: Callable[[], object]) -> Work:
    """Run it once and count: the operations of its products, the bytes of all that it calls.

    FLOPs are PyTorch's own count of matrix products, convolutions and attention. Bytes are counted
    as if each operation of the library read its inputs from memory and wrote its results, whole;
    views move nothing. The count depends on shapes and types, not on the machine.

    >>> import torch
    >>> a, b = torch.ones(2, 3), torch.ones(3, 5)
    >>> count_work(lambda: a @ b)
    Work(flops=60, bytes_moved=124)
    """
    with FlopCounterMode(display=False) as products, _BytesMoved() as moved:
        run()
    return Work(products.get_total_flops(), moved.total)


class _BytesMoved(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the bytes of inputs and results of every operation that is not a view."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            touched = [*tensors_in(args), *tensors_in(kwargs or {}), *tensors_in(result)]
            self.total += sum(map(_size, touched))
        return result


def _size(tensor: Tensor) -> int:
    """Bytes of its numbers; numbers that are one in memory (an expanded tensor) count once."""
    return min(tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes())
