"""Per-example gradients and what a mini-batch makes of them.

Reading order: `squared_error` (gradients in closed form), `enumeration` (every batch, one by one),
`exact_moments` (the same moments without listing), `laws` (what theory says), `monte_carlo`
(random batches), `noise_scale`.
"""

from .enumeration import MAX_BATCHES, all_batch_means, num_batches
from .exact_moments import BatchMoments, exact_moments, exact_moments_fractions
from .laws import variance_with_replacement, variance_without_replacement
from .monte_carlo import monte_carlo_batch_means
from .noise_scale import (
    NoiseScale,
    covariance_trace,
    estimate_noise_scale,
    gradient_diversity,
    noise_scale,
)
from .squared_error import squared_error_gradients, squared_errors

__all__ = [
    "MAX_BATCHES",
    "BatchMoments",
    "NoiseScale",
    "all_batch_means",
    "covariance_trace",
    "estimate_noise_scale",
    "exact_moments",
    "exact_moments_fractions",
    "gradient_diversity",
    "monte_carlo_batch_means",
    "noise_scale",
    "num_batches",
    "squared_error_gradients",
    "squared_errors",
    "variance_with_replacement",
    "variance_without_replacement",
]
