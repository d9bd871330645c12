"""What the roads refuse, and that they leave the model as they found it."""

from functools import partial

import pytest

torch = pytest.importorskip("torch", reason="these are the PyTorch roads")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812
from torch.nn.utils import parametrizations  # noqa: E402

from coursekit.errors import CourseError, ShapeError  # noqa: E402
from coursekit.pytorch import per_example_formulas  # noqa: E402
from coursekit.pytorch.per_example import (  # noqa: E402
    gradient_statistics,
    gradients_by_hooks,
    gradients_by_loop,
    gradients_by_vmap,
)

ALL = [gradients_by_loop, gradients_by_vmap, gradients_by_hooks, gradient_statistics]
CAPTURING = [gradients_by_hooks, gradient_statistics]
cross_entropy = partial(F.cross_entropy, reduction="none")

all_roads = pytest.mark.parametrize("road", ALL)
capturing_roads = pytest.mark.parametrize("road", CAPTURING)


def first_output(outputs, targets):
    return outputs.flatten(1)[:, 0] * targets


class Model(nn.Module):
    """Modules by name and a forward given as a function of them and the input."""

    def __init__(self, forward, **modules):
        super().__init__()
        self.parts, self.run = nn.ModuleDict(modules), forward

    def forward(self, inputs):
        return self.run(self.parts, inputs)


def batch(num_examples=4, num_features=3):
    torch.manual_seed(0)
    return torch.randn(num_examples, num_features), torch.randn(num_examples)


@all_roads
@pytest.mark.parametrize("mode", [True, False])
def test_the_model_is_left_as_it_was_found(road, mode):
    model = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.0), nn.Linear(4, 2)).train(mode)
    model[0].weight.grad = torch.ones(4, 3)
    model[2].bias.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inputs, _ = batch()
    road(model, cross_entropy, inputs, torch.tensor([0, 1, 0, 1]))
    assert model.training == model[1].training == mode
    assert torch.equal(model[0].weight.grad, torch.ones(4, 3))
    assert model[0].bias.grad is None
    assert not any(module._forward_hooks or module._backward_hooks for module in model.modules())
    assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
    assert [p.requires_grad for p in model.parameters()] == [True, True, True, False]


@capturing_roads
def test_no_hook_stays_behind_when_the_model_fails(road):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(5, 2))
    with pytest.raises(RuntimeError):
        road(model, first_output, *batch())
    assert not any(module._forward_hooks for module in model.modules())


@all_roads
def test_it_works_inside_no_grad(road):
    with torch.no_grad():
        road(nn.Linear(3, 2), first_output, *batch())
        assert not torch.is_grad_enabled()


@all_roads
def test_frozen_parameters_are_left_out(road):
    model = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    model[0].requires_grad_(False)
    result = road(model, first_output, *batch())
    mean = result.mean if road is gradient_statistics else result
    assert list(mean) == ["1.weight", "1.bias"]


@all_roads
def test_parameters_the_loss_does_not_depend_on_have_gradient_zero(road):
    model = Model(
        lambda parts, x: (parts["unused"](x), parts["used"](x))[1],
        unused=nn.Linear(3, 2),
        idle=nn.Linear(3, 2),
        used=nn.Linear(3, 2),
    )
    result = road(model, first_output, *batch())
    rows = result.squared_norms if road is gradient_statistics else result
    assert len(rows) == 6
    for part in ("unused", "idle"):
        assert rows[f"parts.{part}.weight"].shape[0] == 4
        assert not rows[f"parts.{part}.weight"].any()
    assert rows["parts.used.weight"].any()


@all_roads
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_loss_that_is_already_reduced_is_refused(road, reduction):
    inputs, _ = batch()
    reduced = partial(F.cross_entropy, reduction=reduction)
    with pytest.raises(ShapeError, match=r"returned shape \(\).*reduction='none'"):
        road(nn.Linear(3, 2), reduced, inputs, torch.tensor([0, 1, 0, 1]))


@capturing_roads
def test_a_loss_per_position_is_refused(road):
    with pytest.raises(ShapeError, match=r"shape \(4, 2\) for 4 examples.*inside loss_fn"):
        road(nn.Linear(3, 2), lambda outputs, _: outputs, *batch())


@capturing_roads
def test_inputs_and_targets_of_different_length_are_refused(road):
    inputs, targets = batch()
    with pytest.raises(ShapeError, match="examples as first dimension"):
        road(nn.Linear(3, 2), first_output, inputs, targets[:3])


@all_roads
@pytest.mark.parametrize("norm", [nn.BatchNorm1d(3), nn.BatchNorm1d(3, affine=False)])
def test_batch_norm_in_training_mode_is_refused(road, norm):
    with pytest.raises(CourseError, match="layer '1' is a BatchNorm1d in training mode"):
        road(nn.Sequential(nn.Linear(3, 3), norm), first_output, *batch())


def odd_linear():
    class Doubled(nn.Linear):
        def forward(self, value):
            return 2 * super().forward(value)

    return Doubled(3, 3)


def patched_linear():
    layer = nn.Linear(3, 3)
    layer.forward = lambda value: 2 * nn.Linear.forward(layer, value)
    return layer


UNKNOWN = {
    "a type without a formula": lambda: nn.Bilinear(3, 3, 2),
    "attention in one piece": lambda: nn.MultiheadAttention(3, 1),
    "a parameter of the model's own": lambda: nn.PReLU(),
    "a subclass that computes something else": odd_linear,
    "an instance that computes something else": patched_linear,
    "parametrized weight norm": lambda: parametrizations.weight_norm(nn.Linear(3, 3)),
    "weight norm of old": lambda: nn.utils.weight_norm(nn.Linear(3, 3)),
    "batch norm in eval": lambda: nn.BatchNorm1d(3).eval(),
}


@capturing_roads
@pytest.mark.filterwarnings("ignore:.*weight_norm")
@pytest.mark.parametrize("what", UNKNOWN)
def test_a_layer_without_a_formula_is_named(road, what):
    with pytest.raises(CourseError, match=r"layer 'parts\.odd.*without a formula.*by_loop"):
        road(Model(lambda parts, x: parts["odd"](x), odd=UNKNOWN[what]()), first_output, *batch())


@capturing_roads
@pytest.mark.parametrize("option", ["max_norm", "scale_grad_by_freq", "sparse"])
def test_embedding_options_that_couple_or_hide_are_refused(road, option):
    model = nn.Embedding(5, 3, **{option: 1.0 if option == "max_norm" else True})
    with pytest.raises(CourseError, match=option):
        road(model, first_output, torch.tensor([0, 1, 2, 3]), torch.ones(4))


TIED = {
    "two layers, one weight": lambda parts, x: parts["b"](parts["a"](x)),
    "a weight used without its layer": lambda parts, x: F.linear(x, parts["a"].weight),
    "a weight used with and without": lambda parts, x: F.linear(parts["a"](x), parts["a"].weight),
}


@capturing_roads
@pytest.mark.parametrize("how", TIED)
def test_tied_parameters_are_refused(road, how):
    model = Model(TIED[how], a=nn.Linear(3, 3), b=nn.Linear(3, 3))
    if "two layers" in how:
        model.parts["b"].weight = model.parts["a"].weight
    with pytest.raises(CourseError, match=r"'parts\.a\.weight' is used \d times but its layer was"):
        road(model, first_output, *batch())


def positions(parts, tokens):
    return parts["tokens"](tokens) + parts["positions"](torch.arange(tokens.shape[1]))


def sequence_first(parts, tokens):
    return parts["linear"](parts["tokens"](tokens).transpose(0, 1)).transpose(0, 1)


@capturing_roads
@pytest.mark.parametrize("num_examples", [4, 6])  # 6 positions: with 6 examples a coincidence
@pytest.mark.parametrize("forward", [positions, sequence_first])
def test_inputs_whose_first_dimension_is_not_the_examples_are_refused(road, num_examples, forward):
    model = Model(
        forward, tokens=nn.Embedding(5, 3), positions=nn.Embedding(6, 3), linear=nn.Linear(3, 3)
    )
    tokens = torch.randint(0, 5, (num_examples, 6))
    with pytest.raises(ShapeError, match="first dimension must be the examples"):
        road(model, first_output, tokens, torch.ones(num_examples))


def changed_after_reading(parts, x):
    hidden = parts["a"](x)
    scores = parts["b"](hidden)
    hidden += 1
    return scores


@capturing_roads
def test_an_input_that_is_changed_after_its_layer_read_it_is_refused(road):
    model = Model(changed_after_reading, a=nn.Linear(3, 3), b=nn.Linear(3, 2))
    with pytest.raises(CourseError, match=r"input of layer 'parts\.b' was changed in place"):
        road(model, first_output, *batch())
    model.parts["b"].weight.requires_grad_(False)  # then no gradient needs that input
    road(model, first_output, *batch())


@capturing_roads
def test_the_check_with_one_example_draws_no_random_numbers(road):
    inputs = torch.randn(4, 4)  # as many features as examples: the check runs
    model = nn.Sequential(nn.Dropout(), nn.Linear(4, 2))
    states = []
    for run in (lambda: road(model, first_output, inputs, torch.ones(4)), lambda: model(inputs)):
        torch.manual_seed(0)
        run()
        states.append(torch.get_rng_state())
    assert torch.equal(*states)


def test_statistics_of_a_zero_mean_gradient_have_no_noise_scale():
    inputs = torch.tensor([[1.0], [-1.0]])
    statistics = gradient_statistics(
        nn.Linear(1, 1, bias=False), first_output, inputs, torch.ones(2)
    )
    assert statistics.covariance_trace == {"": 1.0}
    with pytest.raises(CourseError, match="exactly 0"):
        _ = statistics.noise_scale


@pytest.mark.parametrize("shape", [(6, 4, 30), (6, 40, 3)], ids=["Gram", "direct"])
def test_chunks_give_the_same_means_and_norms(shape, monkeypatch):
    inputs, model = torch.randn(shape).double(), nn.Linear(shape[-1], 20 if shape[1] == 4 else 2)
    case = model.double(), lambda o, t: (o.flatten(1).sum(1) - t) ** 2, inputs, torch.ones(6)
    whole = gradient_statistics(*case)
    monkeypatch.setattr(per_example_formulas, "_CHUNK_ENTRIES", 1)
    chunked = gradient_statistics(*case)
    torch.testing.assert_close(chunked.mean, whole.mean)
    torch.testing.assert_close(chunked.squared_norms, whole.squared_norms)
