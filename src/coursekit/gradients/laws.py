"""What theory says about the variance of a batch mean."""

from typing import Any

from ..errors import BatchSizeError
from .per_example import check_batch_size


def variance_with_replacement(per_example_variance: Any, batch_size: int) -> Any:
    """σ²/B: the variance of the mean of B independent draws.

    ``per_example_variance`` is σ² over the N examples with divisor N (``np.var``): a number, or an
    array of any shape (a covariance matrix as well). It needs independence of the draws and
    nothing else; the central limit theorem, which is about the shape, plays no part.

    Source: Cochran, Sampling Techniques, 3rd ed. 1977, section 2.4 (draws with replacement).

    Raises
    ------
    BatchSizeError
        When ``batch_size`` is below 1.
    """
    if batch_size < 1:
        raise BatchSizeError(f"batch_size={batch_size}; a batch holds at least 1 example.")
    return per_example_variance / batch_size


def variance_without_replacement(
    per_example_variance: Any, batch_size: int, *, num_examples: int
) -> Any:
    """σ²/B · (N − B)/(N − 1): the same for B different examples out of N.

    The second factor is the finite population correction: 1 at B = 1, 0 at B = N, where there is
    only one batch and nothing left to vary. ``per_example_variance`` is σ² with divisor N
    (``np.var``); with divisor N − 1, Cochran's S², the same law reads S²/B · (1 − B/N).

    Source: Cochran, Sampling Techniques, 3rd ed. 1977, theorem 2.2.

    Raises
    ------
    BatchSizeError
        When ``batch_size`` is below 1 or above ``num_examples``.
    """
    check_batch_size(batch_size, num_examples, replacement=False)
    if batch_size == num_examples:
        return per_example_variance * 0
    remaining = num_examples - batch_size
    return per_example_variance * remaining / (batch_size * (num_examples - 1))
