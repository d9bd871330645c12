"""The four roads agree, for every kind of layer; the loop is the definition and the judge."""

from functools import partial

import pytest

torch = pytest.importorskip("torch", reason="these are the PyTorch roads")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from coursekit.data import running_example  # noqa: E402
from coursekit.gradients import covariance_trace, noise_scale, squared_error_gradients  # noqa: E402
from coursekit.pytorch.per_example import (  # noqa: E402
    gradient_statistics,
    gradients_by_hooks,
    gradients_by_loop,
    gradients_by_vmap,
)

cross_entropy = partial(F.cross_entropy, reduction="none")

# In float64 relative to the largest entry of each parameter. In float32 the reference itself is
# only as good as the rounding of its backward pass: relative to the largest entry of all.
TOLERANCE = {torch.float32: 5e-7, torch.float64: 1e-12}


def mean_square(outputs, targets):
    """One loss per example, whatever shape the outputs have."""
    return (outputs.flatten(1) - targets[:, None]).square().mean(1)


class Attention(nn.Module):
    """Single-head self-attention with one Linear per projection.

    The key has no bias: softmax would cancel it, and its gradient be nothing but rounding.
    """

    def __init__(self, dim):
        super().__init__()
        self.query, self.key = nn.Linear(dim, dim), nn.Linear(dim, dim, bias=False)
        self.value, self.out = nn.Linear(dim, 2 * dim), nn.Linear(2 * dim, dim)

    def forward(self, x):
        return self.out(
            F.scaled_dot_product_attention(
                self.query(x), self.key(x), self.value(x), is_causal=True
            )
        )


class Transformer(nn.Module):
    """Tokens and positions, a block with residual connections, and a head."""

    def __init__(self, vocabulary=11, context=7, dim=6):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, dim, padding_idx=0)
        self.positions = nn.Embedding(context, dim)
        self.attention_norm, self.mlp_norm = nn.LayerNorm(dim), nn.RMSNorm(dim)
        self.attention = Attention(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.head = nn.Linear(dim, vocabulary, bias=False)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]).expand(tokens.shape))
        x = x + self.attention(self.attention_norm(x))
        return self.head(x + self.mlp(self.mlp_norm(x)))


class Recurrent(nn.Module):
    """One Linear, one norm and one Embedding, each called at every step."""

    def __init__(self):
        super().__init__()
        self.embedding, self.step, self.norm = nn.Embedding(5, 4), nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, tokens):
        state = torch.zeros(tokens.shape[0], 4, dtype=self.step.weight.dtype)
        for position in range(tokens.shape[1]):
            state = torch.tanh(self.norm(self.step(state) + self.embedding(tokens[:, position])))
        return state


class Residual(nn.Module):
    """A convolution called twice, on feature maps of different size."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 2, 3, padding=1)

    def forward(self, x):
        return self.conv(F.avg_pool2d(self.conv(x).relu(), 2))


def conv1d(**options):
    return nn.Sequential(nn.Conv1d(4, 6, 3, **options), nn.Tanh(), nn.Flatten())


def conv2d(**options):
    return nn.Sequential(nn.Conv2d(4, 6, (3, 2), **options), nn.Tanh(), nn.Flatten())


def numbers(*shape):
    return lambda dtype: torch.randn(*shape, dtype=dtype)


def tokens(vocabulary, *shape):
    return lambda dtype: torch.randint(0, vocabulary, shape)


CASES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)), numbers(9, 5)),
    "in-place activation": (
        lambda: nn.Sequential(nn.Linear(5, 7), nn.ReLU(inplace=True), nn.Linear(7, 3)),
        numbers(9, 5),
    ),
    "without bias": (lambda: nn.Sequential(nn.Linear(5, 3, bias=False)), numbers(9, 5)),
    "a bare layer": (lambda: nn.Linear(5, 3), numbers(9, 5)),
    "one example": (lambda: nn.Linear(5, 3), numbers(1, 5)),
    "long sequence, direct": (lambda: nn.Linear(3, 2), numbers(5, 40, 3)),
    "short sequence, Gram": (lambda: nn.Linear(30, 20), numbers(5, 4, 30)),
    "two position axes": (lambda: nn.Linear(3, 2), numbers(5, 4, 6, 3)),
    "conv1d": (conv1d, numbers(5, 4, 11)),
    "conv1d, all options": (
        partial(conv1d, stride=2, padding=2, dilation=2, groups=2, bias=False),
        numbers(5, 4, 12),
    ),
    "conv2d": (conv2d, numbers(5, 4, 6, 7)),
    "conv2d, all options": (
        partial(conv2d, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
        numbers(5, 4, 8, 7),
    ),
    "conv2d, depthwise": (lambda: nn.Conv2d(4, 8, 3, groups=4), numbers(5, 4, 6, 6)),
    "conv2d, same": (partial(conv2d, padding="same", dilation=2), numbers(5, 4, 6, 7)),
    "conv2d, circular": (
        partial(conv2d, padding=1, padding_mode="circular"),
        numbers(5, 4, 6, 7),
    ),
    "conv2d, one position": (lambda: nn.Conv2d(4, 6, 3), numbers(5, 4, 3, 3)),
    "layer norm over two axes": (lambda: nn.LayerNorm((4, 6)), numbers(5, 3, 4, 6)),
    "layer norm without bias": (lambda: nn.LayerNorm(6, bias=False), numbers(5, 3, 6)),
    "group norm": (lambda: nn.GroupNorm(2, 4), numbers(5, 4, 3, 3)),
    "rms norm": (lambda: nn.RMSNorm(6, eps=1e-5), numbers(5, 6)),
    "embedding, one index each": (lambda: nn.Embedding(4, 3), tokens(4, 6)),
    "embedding, repeated indices": (lambda: nn.Embedding(4, 3, padding_idx=1), tokens(4, 6, 20)),
    "transformer": (Transformer, tokens(11, 5, 7)),
    "transformer, as many examples as positions": (Transformer, tokens(11, 7, 7)),
    "recurrent": (Recurrent, tokens(5, 6, 9)),
    "convolution called twice": (Residual, numbers(5, 2, 6, 6)),
    "dropout in eval": (lambda: nn.Sequential(nn.Linear(5, 3), nn.Dropout()).eval(), numbers(9, 5)),
    "batch norm in eval, frozen": (
        lambda: nn.Sequential(nn.Linear(5, 3), nn.BatchNorm1d(3, affine=False)).eval(),
        numbers(9, 5),
    ),
}


@pytest.fixture(params=[torch.float64, torch.float32], ids=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(params=CASES)
def case(request, dtype):
    build, draw = CASES[request.param]
    torch.manual_seed(0)
    model = build().to(dtype)
    for parameter in model.parameters():  # no special values, such as the ones of a norm
        nn.init.normal_(parameter, std=0.5)
    inputs = draw(dtype)
    return model, mean_square, inputs, torch.randn(inputs.shape[0], dtype=dtype)


def assert_close(found, expected, tolerance, terms=None):
    """Compare; ``terms`` are what was added up, which is larger where it cancels."""
    assert found.keys() == expected.keys()
    sizes = {name: tensor.abs().max() for name, tensor in (terms or expected).items()}
    for name, tensor in expected.items():
        assert found[name].shape == tensor.shape, name
        scale = sizes[name] if tensor.dtype == torch.float64 else max(sizes.values())
        assert (found[name] - tensor).abs().max() <= tolerance * scale, name


def test_vmap_agrees_with_the_loop(case, dtype):
    assert_close(gradients_by_vmap(*case), gradients_by_loop(*case), TOLERANCE[dtype])


def test_hooks_agree_with_the_loop(case, dtype):
    assert_close(gradients_by_hooks(*case), gradients_by_loop(*case), TOLERANCE[dtype])


def test_statistics_agree_with_the_loop(case, dtype):
    statistics = gradient_statistics(*case)
    one_by_one = gradients_by_loop(*case)
    mean = {name: each.mean(0) for name, each in one_by_one.items()}
    norms = {name: each.flatten(1).square().sum(1) for name, each in one_by_one.items()}
    assert_close(statistics.mean, mean, TOLERANCE[dtype], terms=one_by_one)
    assert_close(statistics.squared_norms, norms, TOLERANCE[dtype])


def test_summaries_are_those_of_the_numpy_room():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)).double()
    inputs, targets = torch.randn(20, 5).double(), torch.randint(0, 3, (20,))
    statistics = gradient_statistics(model, cross_entropy, inputs, targets)
    rows = {
        name: each.flatten(1).numpy()
        for name, each in gradients_by_loop(model, cross_entropy, inputs, targets).items()
    }
    for layer in ("0", "2"):
        both = covariance_trace(rows[f"{layer}.weight"]) + covariance_trace(rows[f"{layer}.bias"])
        assert statistics.covariance_trace[layer] == pytest.approx(both, rel=1e-12)
    everything = torch.cat([torch.from_numpy(each) for each in rows.values()], 1).numpy()
    assert statistics.num_examples == 20
    assert statistics.total_covariance_trace == pytest.approx(covariance_trace(everything))
    assert statistics.noise_scale == pytest.approx(noise_scale(everything))
    assert statistics.example_squared_norms.tolist() == pytest.approx(
        (everything**2).sum(1).tolist()
    )


def test_the_running_example_worked_by_hand():
    data = running_example()
    model = nn.Linear(2, 1).double()
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)

    def squared_error(outputs, targets):
        return (outputs[:, 0] - targets).square()

    features, targets = torch.from_numpy(data.features), torch.from_numpy(data.targets)
    by_hooks = gradients_by_hooks(model, squared_error, features, targets)
    expected = squared_error_gradients(data.features, data.targets, [0, 0], 0)
    assert by_hooks["weight"][:, 0].tolist() == expected[:, :2].tolist()
    statistics = gradient_statistics(model, squared_error, features, targets)
    assert statistics.mean["weight"].tolist() == [[-11.125, -6.5625]]
    assert statistics.mean["bias"].tolist() == [-5.625]
    assert statistics.total_covariance_trace == pytest.approx(159.74609375)


def test_a_gradient_whose_positions_cancel_has_a_norm_of_nearly_zero():
    torch.manual_seed(0)
    first, second = torch.randn(2, 200, 32)
    inputs = torch.stack([first, second, first + second], 1)  # the third takes the others back

    def loss_fn(outputs, signs):
        return (outputs[..., 0] * signs).sum(1)

    statistics = gradient_statistics(
        nn.Linear(32, 64, bias=False), loss_fn, inputs, torch.tensor([[1.0, 1.0, -1.0]] * 200)
    )
    squared = statistics.squared_norms["weight"]  # from Gram matrices, whose sum may round below 0
    assert (squared >= 0).all()
    assert (squared < 1e-4).all()
