"""Sharpness: the largest eigenvalue of the Hessian of a loss, without ever forming the Hessian.

A Hessian of P parameters has P² entries; its product with one vector costs about as much as two
gradients. Power iteration needs nothing but such products: a vector that is multiplied again and
again turns toward the eigenvector whose eigenvalue is largest in magnitude.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import CourseError
from .per_example_contract import LossFunction, example_losses, trained_parameters


@dataclass(frozen=True)
class Sharpness:
    """What power iteration found.

    Attributes
    ----------
    eigenvalue
        λ, the largest eigenvalue of the Hessian of the mean loss. Gradient descent on a quadratic
        of this curvature is stable for learning rates below 2/λ.
    residual
        |Hv − λv| / |λ| for the unit vector v that it stopped at. Some eigenvalue of the Hessian
        lies within that share of λ; λ itself is usually far closer, and never too large.
    products
        How many Hessian-vector products it took.
    """

    eigenvalue: float
    residual: float
    products: int

    @property
    def largest_stable_rate(self) -> float:
        """2/λ; infinite where no direction curves upward."""
        return 2 / self.eigenvalue if self.eigenvalue > 0 else float("inf")


def sharpness(
    model: nn.Module,
    loss_fn: LossFunction,
    inputs: Tensor,
    targets: Tensor,
    *,
    tolerance: float = 0.02,
    max_products: int = 500,
    generator: torch.Generator | None = None,
) -> Sharpness:
    """Largest Hessian eigenvalue of the mean loss of these examples at the model's parameters.

    Parameters
    ----------
    model, loss_fn, inputs, targets
        As in `coursekit.pytorch.per_example`: ``loss_fn`` returns one loss per example. The model
        and its ``.grad`` are left as they are. Use float64, and ``model.eval()`` if it has dropout.
    tolerance
        Stop when the residual is below this. The default is good for two to three
        digits of λ.
    max_products
        Give up after so many Hessian-vector products.
    generator
        Draws the vector to begin with, from a seeded generator of its own if there is none.

    Raises
    ------
    ShapeError
        When ``loss_fn`` does not return one loss per example.
    CourseError
        When nothing can be trained, the loss is not finite, or the iteration has not converged.

    Notes
    -----
    Power iteration finds the eigenvalue of largest magnitude. Should that be negative, λ₋, it runs
    again on H − λ₋I, whose eigenvalues are none of them negative and keep their order.
    Source for the product: Pearlmutter 1994, doi:10.1162/neco.1994.6.1.147.
    """
    if generator is None:
        generator = torch.Generator().manual_seed(0)
    multiply, size, like = _hessian(model, loss_fn, inputs, targets)
    start = torch.randn(size, generator=generator, dtype=torch.float64).to(like)
    eigenvalue, residual, products = _iterate(multiply, start, 0.0, tolerance, max_products)
    if eigenvalue < 0:
        shift, before = eigenvalue, products
        eigenvalue, residual, products = _iterate(
            multiply, start, shift, tolerance, max_products - before
        )
        products += before
    return Sharpness(eigenvalue, residual, products)


def _hessian(
    model: nn.Module, loss_fn: LossFunction, inputs: Tensor, targets: Tensor
) -> tuple[Callable[[Tensor], Tensor], int, Tensor]:
    """``v -> Hv``, how long v is, and a tensor of its type and device."""
    params = list(trained_parameters(model).values())
    if not params:
        raise CourseError("no parameter of the model requires a gradient; nothing can be curved.")
    with torch.enable_grad():
        loss = example_losses(model, loss_fn, inputs, targets).mean()
        if not torch.isfinite(loss):
            raise CourseError(f"the loss is {loss.item()}; sharpness needs a finite one.")
        grads = torch.autograd.grad(loss, params, create_graph=True, materialize_grads=True)
        flat = torch.cat([grad.reshape(-1) for grad in grads])

    def multiply(vector: Tensor) -> Tensor:
        if not flat.requires_grad:  # a loss that is linear in the parameters
            return torch.zeros_like(vector)
        rows = torch.autograd.grad(flat, params, vector, retain_graph=True, materialize_grads=True)
        return torch.cat([row.reshape(-1) for row in rows])

    return multiply, flat.numel(), flat.detach()


def _iterate(
    multiply: Callable[[Tensor], Tensor],
    vector: Tensor,
    shift: float,
    tolerance: float,
    max_products: int,
) -> tuple[float, float, int]:
    """Eigenvalue of largest magnitude of H − shift·I, with the shift added back."""
    vector = vector / vector.norm()
    eigenvalue = residual = float("nan")
    for products in range(1, max_products + 1):
        image = multiply(vector)
        eigenvalue = float(vector @ image)
        error = float((image - eigenvalue * vector).norm())
        if error == 0.0:  # found exactly; also the zero matrix
            return eigenvalue, 0.0, products
        residual = error / abs(eigenvalue) if eigenvalue else float("inf")
        if residual <= tolerance:
            return eigenvalue, residual, products
        vector = image - shift * vector
        vector = vector / vector.norm()
    raise CourseError(
        f"after {max_products} Hessian-vector products the residual is {residual:.2g}, not "
        f"{tolerance:g}; use a larger max_products or a larger tolerance."
    )
