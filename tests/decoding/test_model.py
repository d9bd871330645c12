"""The forward pass: its shapes, its causality, and the same weights in another library."""

import numpy as np
import pytest

from coursekit.decoding import Gpt, GptConfig, random_gpt
from coursekit.decoding.model import attention
from coursekit.errors import CourseError, ShapeError

from .conftest import CONFIG


def test_a_token_does_not_see_those_to_its_right(model):
    rng = np.random.default_rng(1)
    tokens = rng.integers(0, CONFIG.vocab_size, size=(3, 20))
    changed = tokens.copy()
    changed[:, 12:] = rng.integers(0, CONFIG.vocab_size, size=(3, 8))
    before, after = model(tokens), model(changed)
    assert np.array_equal(before[:, :12], after[:, :12])
    assert not np.allclose(before[:, 12:], after[:, 12:])


def test_attention_by_hand():
    """One query, two keys with scores 0 and log 3: the weights are 1/4 and 3/4."""
    query = np.array([[2.0, 0, 0, 0]])  # divided by sqrt(4)
    keys = np.array([[0.0, 0, 0, 0], [np.log(3), 0, 0, 0]])
    values = np.array([[4.0], [8.0]])
    assert attention(query, keys, values, None) == pytest.approx(7)
    assert attention(query, keys, values, np.array([[False, True]])) == 4


def test_number_of_weights_is_that_of_gpt2():
    gpt2 = GptConfig(50257, 1024, 12, 12, 64)
    assert gpt2.num_params == 124_439_808
    assert CONFIG.num_params == sum(
        weight.size for weight in random_gpt(CONFIG, rng=np.random.default_rng(0)).weights.values()
    )


@pytest.mark.filterwarnings("ignore")
def test_the_same_weights_in_transformers_give_the_same_logits():
    """The outside check: Hugging Face's GPT-2, loaded with these weights under its own names."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    c = GptConfig(vocab_size=61, context_length=40, num_layers=3, num_heads=4, head_dim=8)
    model = random_gpt(c, rng=np.random.default_rng(2))
    rng = np.random.default_rng(3)
    for weight in model.weights.values():  # biases and norms that do something
        if weight.ndim == 1:
            weight += 0.3 * rng.normal(size=weight.shape)
    config = transformers.GPT2Config(
        vocab_size=c.vocab_size,
        n_positions=c.context_length,
        n_embd=c.width,
        n_layer=c.num_layers,
        n_head=c.num_heads,
        bos_token_id=0,
        eos_token_id=0,
    )
    theirs = transformers.GPT2LMHeadModel(config).double().eval()
    state = {f"transformer.{name}": torch.tensor(w) for name, w in model.weights.items()}
    state["lm_head.weight"] = state["transformer.wte.weight"]
    theirs.load_state_dict(state)  # strict: every name and shape is theirs
    tokens = rng.integers(0, c.vocab_size, size=(5, c.context_length))
    with torch.no_grad():
        expected = theirs(torch.tensor(tokens)).logits.numpy()
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(model(tokens), expected, rtol=0, atol=1e-12)


def test_weights_of_another_shape_are_refused(model):
    with pytest.raises(ShapeError, match=r"'ln_f\.bias' has shape \(3,\)"):
        Gpt(CONFIG, model.weights | {"ln_f.bias": np.zeros(3)})
    with pytest.raises(ShapeError, match="no such weight"):
        Gpt(CONFIG, model.weights | {"extra": np.zeros(3)})
    with pytest.raises(CourseError, match="at least 1"):
        random_gpt(GptConfig(5, 5, 0, 1, 1), rng=np.random.default_rng(0))


def test_a_float32_model_stays_in_float32():
    model = random_gpt(CONFIG, rng=np.random.default_rng(0), dtype=np.float32)
    assert model(np.array([1, 2, 3])).dtype == np.float32
