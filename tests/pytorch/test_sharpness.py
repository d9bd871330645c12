"""Power iteration beside the whole Hessian and its eigenvalues."""

from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="sharpness differentiates with torch")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from coursekit.errors import CourseError, ShapeError  # noqa: E402
from coursekit.pytorch.sharpness import sharpness  # noqa: E402

cross_entropy = partial(F.cross_entropy, reduction="none")


class Quadratic(nn.Module):
    """Half of w'Aw, whatever the input."""

    def __init__(self, matrix):
        super().__init__()
        self.matrix = torch.as_tensor(matrix, dtype=torch.float64)
        self.weights = nn.Parameter(torch.ones(len(self.matrix), dtype=torch.float64))

    def forward(self, inputs):
        return (0.5 * self.weights @ self.matrix @ self.weights).expand(len(inputs))


def output(outputs, targets):
    return outputs


def of_matrix(matrix, **how):
    rows = torch.zeros(3, 1, dtype=torch.float64)
    return sharpness(Quadratic(matrix), output, rows, rows[:, 0], **how)


def rotated(eigenvalues, seed=0):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(eigenvalues),) * 2))
    return q @ np.diag(eigenvalues) @ q.T


@pytest.mark.parametrize(
    "eigenvalues", [[3.0, 1.0, 0.5], [2.0, -7.0, 1.0, -3.0], [-1.0, -4.0], [5.0, 5.0, 1.0], [2.5]]
)
def test_the_largest_eigenvalue_also_beside_larger_negative_ones(eigenvalues):
    found = of_matrix(rotated(eigenvalues), tolerance=1e-6)
    assert found.eigenvalue == pytest.approx(max(eigenvalues), rel=1e-9)
    assert found.residual <= 1e-6


def test_the_limit_of_gradient_descent():
    matrix = rotated([4.0, 1.0, 0.1])
    limit = of_matrix(matrix, tolerance=1e-8).largest_stable_rate
    assert limit == pytest.approx(0.5, rel=1e-12)
    for rate, grows in [(0.99 * limit, False), (1.01 * limit, True)]:
        weights = np.ones(3)
        for _ in range(2000):
            weights = weights - rate * matrix @ weights
        assert (np.abs(weights).max() > 1) == grows
    assert of_matrix(-matrix).largest_stable_rate == float("inf")


def network(seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)).double()
    model.unused = nn.Parameter(torch.ones(2, dtype=torch.float64))
    inputs = torch.randn(40, 5, dtype=torch.float64)
    return model, inputs, torch.randint(0, 3, (40,))


@pytest.mark.parametrize("seed", range(3))
def test_a_network_beside_its_whole_hessian(seed):
    model, inputs, targets = network(seed)
    named = dict(model.named_parameters())
    names, sizes = list(named), [p.numel() for p in named.values()]

    def loss(flat):
        parts = {
            name: part.view_as(named[name])
            for name, part in zip(names, flat.split(sizes), strict=True)
        }
        outputs = torch.func.functional_call(model, parts, (inputs,))
        return F.cross_entropy(outputs, targets)

    flat = torch.cat([p.detach().reshape(-1) for p in named.values()])
    top = torch.linalg.eigvalsh(torch.func.hessian(loss)(flat))[-1].item()
    # the residual bounds the error; far from its bound, the error is of the order of its square
    for tolerance, expected_error in [(0.02, 0.02), (1e-4, 1e-6)]:
        found = sharpness(model, cross_entropy, inputs, targets, tolerance=tolerance)
        assert found.eigenvalue == pytest.approx(top, rel=expected_error)
        assert found.eigenvalue <= top * (1 + 1e-12)  # a Rayleigh quotient never exceeds it


def test_the_model_is_left_as_it_was_and_the_seed_decides():
    model, inputs, targets = network()
    first = sharpness(model, cross_entropy, inputs, targets)
    with torch.no_grad():  # a caller's no_grad does not matter
        assert sharpness(model, cross_entropy, inputs, targets) == first
    assert all(p.grad is None for p in model.parameters())
    other = sharpness(
        model, cross_entropy, inputs, targets, generator=torch.Generator().manual_seed(1)
    )
    assert other != first
    assert other.eigenvalue == pytest.approx(first.eigenvalue, rel=0.02)


def test_a_loss_linear_in_its_parameters_has_no_curvature():
    model = nn.Linear(3, 1, bias=False).double()
    rows = torch.ones(2, 3, dtype=torch.float64)
    found = sharpness(model, lambda out, _: out[:, 0], rows, rows[:, 0])
    assert (found.eigenvalue, found.residual) == (0.0, 0.0)


def test_what_has_no_sharpness_is_refused():
    model, inputs, targets = network()
    with pytest.raises(ShapeError, match="one loss per example"):
        sharpness(model, F.cross_entropy, inputs, targets)
    with pytest.raises(CourseError, match="after 2 Hessian-vector products the residual is"):
        sharpness(model, cross_entropy, inputs, targets, max_products=2, tolerance=1e-9)
    with pytest.raises(CourseError, match="the loss is nan"):
        sharpness(model, cross_entropy, inputs * float("nan"), targets)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(CourseError, match="no parameter"):
        sharpness(model, cross_entropy, inputs, targets)
