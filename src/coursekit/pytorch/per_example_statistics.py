"""The fourth road: what one wants to know about the gradients, without the gradients."""

from collections import defaultdict
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import CourseError
from .per_example_capture import backward_with_capture
from .per_example_contract import LossFunction
from .per_example_formulas import means_and_norms


@dataclass(frozen=True)
class GradientStatistics:
    """Statistics of the gradients g₁ … g_B of B examples.

    All divide by B: the B examples are taken as the whole population.

    Attributes
    ----------
    mean
        For each parameter, by name, the mean of its B gradients: the mini-batch gradient.
    norms
        ``(parameters, B)``: a row for each parameter, in the order of ``mean``, with the norm of
        each example's gradient.
    """

    mean: dict[str, Tensor]
    norms: Tensor

    @property
    def squared_norms(self) -> dict[str, Tensor]:
        """For each parameter, by name, ``(B,)``: the squared norm of each example's gradient."""
        return dict(zip(self.mean, self.norms.square(), strict=True))

    @property
    def num_examples(self) -> int:
        """B, the number of examples."""
        return self.norms.shape[1]

    @property
    def example_squared_norms(self) -> Tensor:
        """|g_b|² over all parameters, ``(B,)``."""
        return self.norms.square().sum(0)

    @property
    def covariance_trace(self) -> dict[str, float]:
        """tr(Σ) of each layer, by name: the variances of its parameters' gradients, added up.

        Computed as mean |g_b|² - |mean g_b|². In float32 that is accurate to about 1e-6 of the
        first term, which matters only where the examples hardly differ.
        """
        mean_squares = self.norms.square().mean(1, dtype=torch.float64).tolist()
        traces: defaultdict[str, float] = defaultdict(float)
        for name, mean_square, of_mean in zip(
            self.mean, mean_squares, self._squared_means(), strict=True
        ):
            traces[name.rpartition(".")[0]] += max(0.0, mean_square - of_mean)
        return dict(traces)

    @property
    def total_covariance_trace(self) -> float:
        """tr(Σ) over all parameters."""
        return sum(self.covariance_trace.values())

    @property
    def noise_scale(self) -> float:
        """Simple noise scale, in examples: tr(Σ)/|G|², see `coursekit.gradients.noise_scale`."""
        signal = sum(self._squared_means())
        if signal == 0:
            raise CourseError("the mean gradient is exactly 0, so tr(Σ)/|G|² is not defined.")
        return self.total_covariance_trace / signal

    def _squared_means(self) -> list[float]:
        """|mean|² of each parameter."""
        norms: list[float] = torch.stack(torch._foreach_norm(list(self.mean.values()))).tolist()
        return [norm * norm for norm in norms]


def gradient_statistics(
    model: nn.Module, loss_fn: LossFunction, inputs: Tensor, targets: Tensor
) -> GradientStatistics:
    """Mean, squared norms and covariance trace of the examples' gradients, from one backward pass.

    No example's gradient is ever put together (a few at a time for a layer with many positions
    and few parameters), so this costs little more than the backward pass itself, in time and in
    memory. Takes the models and raises the errors of `gradients_by_hooks`.

    Source: Goodfellow 2015, arXiv:1510.01799, for layers without positions; the cheaper of Gram
    matrices (Li et al. 2022, arXiv:2110.05679) and direct sums for those with.
    """
    means: dict[str, Tensor] = {}
    norms: list[Tensor] = []
    for layer in backward_with_capture(model, loss_fn, inputs, targets):
        found = means_and_norms(layer.module, layer.calls) if layer.calls else {}
        for key, name in zip(layer.params, layer.full_names, strict=True):
            if found:
                means[name], each_norm = found[key]
            else:  # without a call the loss does not depend on the parameter
                means[name] = torch.zeros_like(layer.params[key])
                each_norm = means[name].new_zeros(inputs.shape[0])
            norms.append(each_norm)
    return GradientStatistics(means, torch.stack(norms))
