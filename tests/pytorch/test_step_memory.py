"""Bytes by hand for a network small enough to add up, and by the kernel for a larger one."""

import pytest

torch = pytest.importorskip("torch", reason="this measures torch")

from torch import nn  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402

from coursekit.errors import CourseError  # noqa: E402
from coursekit.hardware import fit_memory_model, training_state_bytes  # noqa: E402
from coursekit.pytorch.resident_memory import CLEAR, resident_bytes  # noqa: E402
from coursekit.pytorch.step_memory import step_memory  # noqa: E402
from coursekit.pytorch.throughput import first_examples  # noqa: E402

WIDTH, DEPTH = 64, 6


def loss(model, batch):
    inputs, labels = batch
    return cross_entropy(model(inputs), labels)


def parts():
    torch.manual_seed(0)
    layers = [part for _ in range(DEPTH) for part in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))
    return model, loss, first_examples(torch.randn(100, WIDTH), torch.arange(100) % 10)


def measured(batch_size, **options):
    model, loss, make_batch = parts()
    return step_memory(model, loss, make_batch(batch_size), **options)


def num_params():
    return sum(parameter.numel() for parameter in parts()[0].parameters())


def test_what_is_kept_are_the_outputs_of_each_layer_and_of_the_softmax():
    each = 4 * (DEPTH * WIDTH + 10)
    assert measured(32).kept_bytes == 32 * each + 4  # the mean loss keeps its divisor


def test_the_batch_is_counted_once_and_apart():
    assert measured(32).batch_bytes == 32 * (4 * WIDTH + 8)


@pytest.mark.parametrize(
    ("optimizer", "states", "steps"),
    [
        (torch.optim.SGD, 0, 0),
        (lambda params: torch.optim.SGD(params, lr=0.0, momentum=0.9), 1, 0),
        (torch.optim.Adam, 2, 4 * 2 * (DEPTH + 1)),  # Adam counts steps, 4 bytes for each parameter
    ],
)
def test_state_is_what_the_formula_says_without_the_gradients(optimizer, states, steps):
    gradients = 4 * num_params()
    expected = training_state_bytes(num_params(), optimizer_states=states) - gradients + steps
    assert measured(8, make_optimizer=optimizer).state_bytes == expected


def test_the_peak_holds_what_is_kept_and_the_gradients():
    found = measured(256)
    assert found.kept_bytes < found.peak_bytes < found.kept_bytes + 4 * num_params() * 3
    assert found.total_bytes == found.state_bytes + found.batch_bytes + found.peak_bytes
    assert measured(1).peak_bytes >= 4 * num_params()


def test_a_fit_to_small_batches_predicts_one_that_was_never_run():
    sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    totals = [measured(size, make_optimizer=torch.optim.Adam).total_bytes for size in sizes]
    model = fit_memory_model(sizes, totals)
    large = measured(4096, make_optimizer=torch.optim.Adam).total_bytes
    assert model.bytes(4096) == pytest.approx(large, rel=0.01)
    assert totals[0] < model.floor_bytes < totals[6]  # the batch itself is small, not nothing


def test_the_model_is_left_alone():
    model, loss, make_batch = parts()
    before = [parameter.clone() for parameter in model.parameters()]
    step_memory(model, loss, make_batch(4), make_optimizer=torch.optim.Adam)
    for parameter, was in zip(model.parameters(), before, strict=True):
        assert torch.equal(parameter, was)
        assert parameter.grad is None


@pytest.mark.skipif(not CLEAR.exists(), reason="only Linux has /proc/self/clear_refs")
class TestResident:
    def test_the_kernel_sees_what_was_counted(self):
        (seen,) = resident_bytes(parts, [16384])
        counted = measured(16384)
        assert seen.after_forward == pytest.approx(counted.kept_bytes, rel=0.05)
        assert seen.highest == pytest.approx(counted.peak_bytes, rel=0.05)

    def test_a_failing_step_says_why(self):
        def broken():
            raise RuntimeError("no such model")

        with pytest.raises(CourseError, match=r"could not be measured: .*no such model"):
            resident_bytes(broken, [1])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_the_peak_on_a_gpu_grows_by_what_is_kept():
    model, loss, make_batch = parts()
    model = model.cuda()
    batches = [[tensor.cuda() for tensor in make_batch(size)] for size in (4096, 8192)]
    small, large = (step_memory(model, loss, batch) for batch in batches)
    assert large.kept_bytes > 1.9 * small.kept_bytes
    assert large.peak_bytes - small.peak_bytes >= large.kept_bytes - small.kept_bytes
