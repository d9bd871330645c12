"""How far mini-batch gradient descent hovers around a minimum that it cannot sit still on."""

from __future__ import annotations

from ..errors import BatchSizeError, CourseError


def stationary_variance(
    learning_rate: float, batch_size: int, *, curvature: float, gradient_variance: float
) -> float:
    """Variance of one parameter around its minimum, after many steps: ηv / (Bλ(2 − ηλ)).

    For a loss λ/2 · w² whose mini-batch gradient has variance v/B, independent from step to step:
    a step multiplies the distance by 1 − ηλ and adds η² v/B to its variance, and the result is
    where both balance. Exact at every learning rate below 2/λ; no differential equation is used.

    Parameters
    ----------
    learning_rate
        η, in units of the parameter squared over the loss.
    batch_size
        B, drawn with replacement.
    curvature
        λ, the second derivative of the loss.
    gradient_variance
        v, the variance of one example's gradient.

    Raises
    ------
    CourseError
        When ηλ is not between 0 and 2, where nothing is stationary, or the variance is negative.
    BatchSizeError
        When the batch size is below 1.

    Source: Mandt et al. 2017, arXiv:1704.04289, for small learning rates.
    """
    if batch_size < 1:
        raise BatchSizeError(f"batch_size={batch_size}; it must be at least 1.")
    pull = learning_rate * curvature
    if not 0 < pull < 2 or gradient_variance < 0:
        raise CourseError(
            f"learning_rate · curvature = {pull:g}, gradient_variance={gradient_variance:g}; "
            "something stationary needs a product above 0 and below 2, and a variance of at "
            "least 0."
        )
    return learning_rate * gradient_variance / (batch_size * curvature * (2 - pull))
