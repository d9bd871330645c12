"""The accumulating step against the plain large-batch step, and what it refuses."""

import copy
import math
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="this is the PyTorch road")

from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812
from torch.nn.utils import clip_grad_norm_  # noqa: E402

from coursekit.errors import CourseError  # noqa: E402
from coursekit.pytorch.accumulation import accumulated_step  # noqa: E402
from coursekit.training import windows  # noqa: E402

# Two sums of the same float64 numbers in another order; gradients here are of the size of 1.
TOLERANCE = 1e-12
MASKED = -100
OPTIMIZERS = {
    "sgd": lambda params: torch.optim.SGD(params, lr=0.1, momentum=0.9, weight_decay=0.01),
    "adamw": lambda params: torch.optim.AdamW(params, lr=0.01),
}
splits = st.lists(st.integers(0, 7), min_size=1, max_size=7).filter(any)
seeds = st.integers(0, 2**32 - 1)


def network(seed=0, normalization=nn.LayerNorm):
    torch.manual_seed(seed)
    layers = [nn.Linear(5, 8), normalization(8), nn.Tanh(), nn.Linear(8, 3)]
    return nn.Sequential(*layers).double()


def examples(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 5, generator=rng, dtype=torch.float64)
    return inputs, torch.randint(0, 3, (count,), generator=rng)


def cut(data, sizes):
    return list(zip(*(part.split(sizes) for part in data), strict=True))


def example_sum(model, micro_batch):
    inputs, labels = micro_batch
    return F.cross_entropy(model(inputs), labels, reduction="sum"), len(labels)


def token_sum(model, micro_batch):
    tokens, labels = micro_batch  # (B, T, 5) and (B, T), some labels masked
    logits = model(tokens).flatten(0, 1)
    loss = F.cross_entropy(logits, labels.flatten(), ignore_index=MASKED, reduction="sum")
    return loss, (labels != MASKED).sum()


def large_step(model, loss, optimizer, max_norm=None):
    """What every tutorial writes for a batch that fits."""
    optimizer.zero_grad()
    loss.backward()
    norm = clip_grad_norm_(model.parameters(), max_norm or math.inf)
    optimizer.step()
    return float(norm)


def distance(model, other):
    left, right = (nn.utils.parameters_to_vector(each.parameters()) for each in (model, other))
    return (left - right).abs().max().item()


def state_of(model, optimizer):
    return copy.deepcopy((model.state_dict(), optimizer.state_dict()))


def same(left, right):
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return torch.equal(left, right) if isinstance(left, torch.Tensor) else left == right


@settings(max_examples=60)
@given(sizes=splits, seed=seeds)
def test_any_split_is_the_step_of_the_large_batch(sizes, seed):
    data = examples(sum(sizes), seed)
    small, large = network(), network()
    record = accumulated_step(
        small, example_sum, cut(data, sizes), torch.optim.SGD(small.parameters(), lr=0.5)
    )
    loss = F.cross_entropy(large(data[0]), data[1])
    norm = large_step(large, loss, torch.optim.SGD(large.parameters(), lr=0.5))
    assert distance(small, large) <= TOLERANCE
    assert abs(record.loss - loss.item()) <= TOLERANCE
    assert abs(record.gradient_norm - norm) <= TOLERANCE
    assert (record.num_terms, record.num_micro_steps) == (sum(sizes), len(sizes))
    for mine, theirs in zip(small.parameters(), large.parameters(), strict=True):
        assert (mine.grad - theirs.grad).abs().max() <= TOLERANCE


@settings(max_examples=60)
@given(sizes=splits, seed=seeds)
def test_any_split_of_masked_sequences_counts_every_token_once(sizes, seed):
    rng = torch.Generator().manual_seed(seed)
    count = sum(sizes)
    tokens = torch.randn(count, 6, 5, generator=rng, dtype=torch.float64)
    labels = torch.randint(0, 3, (count, 6), generator=rng)
    lengths = torch.randint(0, 7, (count,), generator=rng)  # a sequence may have no token at all
    lengths[0] = 6
    labels[torch.arange(6) >= lengths[:, None]] = MASKED
    small, large = network(), network()
    record = accumulated_step(
        small, token_sum, cut((tokens, labels), sizes), torch.optim.SGD(small.parameters(), lr=0.5)
    )
    loss = F.cross_entropy(large(tokens).flatten(0, 1), labels.flatten(), ignore_index=MASKED)
    large_step(large, loss, torch.optim.SGD(large.parameters(), lr=0.5))
    assert distance(small, large) <= TOLERANCE
    assert record.num_terms == lengths.sum()


def test_weights_of_terms_add_up_to_the_divisor():
    data, weights = examples(11), torch.tensor([0.2, 1.0, 3.5], dtype=torch.float64)

    def weighted_sum(model, micro_batch):
        inputs, labels = micro_batch
        loss = F.cross_entropy(model(inputs), labels, weight=weights, reduction="sum")
        return loss, weights[labels].sum()

    small, large = network(), network()
    accumulated_step(
        small, weighted_sum, cut(data, [1, 6, 4]), torch.optim.SGD(small.parameters(), lr=0.5)
    )
    loss = F.cross_entropy(large(data[0]), data[1], weight=weights)  # torch's weighted mean
    large_step(large, loss, torch.optim.SGD(large.parameters(), lr=0.5))
    assert distance(small, large) <= TOLERANCE


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("scaled", [False, True])
def test_an_epoch_with_clipping_schedule_and_a_leftover_window(name, scaled):
    data = examples(41)
    micro_batches = cut(data, [5] * 8 + [1])  # windows of 15, 15 and 11 examples
    runs = []
    for _ in range(2):
        model = network()
        optimizer = OPTIMIZERS[name](model.parameters())
        runs.append((model, optimizer, torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)))
    (small, optimizer, schedule), (large, large_optimizer, large_schedule) = runs
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0) if scaled else None
    norms = []
    for window in windows(micro_batches, 3):
        record = accumulated_step(
            small, example_sum, window, optimizer, max_norm=0.3, schedule=schedule, scaler=scaler
        )
        assert record.updated
        norms.append(record.gradient_norm)
    for begin, end in [(0, 15), (15, 30), (30, 41)]:
        loss = F.cross_entropy(large(data[0][begin:end]), data[1][begin:end])
        norm = large_step(large, loss, large_optimizer, max_norm=0.3)
        large_schedule.step()
        assert abs(norm - norms.pop(0)) <= TOLERANCE
        assert norm > 0.3  # else nothing would be clipped here
    assert distance(small, large) <= TOLERANCE
    assert optimizer.param_groups[0]["lr"] == large_optimizer.param_groups[0]["lr"]


def test_bfloat16_runs_and_sums_in_float32():
    inputs, labels = examples(40)
    model = network().float()
    reference = accumulated_gradient_of(model, (inputs.float(), labels), nullcontext)

    def autocast():
        return torch.autocast("cpu", dtype=torch.bfloat16)

    found = accumulated_gradient_of(model, (inputs.float(), labels), autocast)
    relative = (found - reference).norm() / reference.norm()
    assert 0 < relative < 0.02  # bfloat16 keeps 8 bits, so about 0.004 per operation


def accumulated_gradient_of(model, data, precision):
    def loss_sum(model, micro_batch):
        inputs, labels = micro_batch
        with precision():
            logits = model(inputs)
        return F.cross_entropy(logits.float(), labels, reduction="sum"), len(labels)

    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    accumulated_step(model, loss_sum, cut(data, [16, 16, 8]), optimizer)
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def test_an_overflow_under_a_scaler_skips_the_step_and_lowers_the_scale():
    model, data = network(), examples(6)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    before = copy.deepcopy(model.state_dict())

    def overflowing(model, micro_batch):
        loss, count = example_sum(model, micro_batch)
        model[0].weight.register_hook(lambda gradient: gradient * math.inf)
        return loss, count

    record = accumulated_step(
        model, overflowing, cut(data, [4, 2]), optimizer, schedule=schedule, scaler=scaler
    )
    assert not record.updated
    assert same(dict(model.state_dict()), dict(before))
    assert scaler.get_scale() == 128
    assert optimizer.param_groups[0]["lr"] == 0.1


def test_a_scaler_that_is_switched_off_is_none():
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    says = "length of its gradient is nan"
    assert_refused(CourseError, says, infinite_gradient, [4, 2, 3], scaler=scaler)


def test_with_and_without_a_scaler_only_the_optimizers_parameters_count():
    data = examples(9)
    for scaler in (None, torch.amp.GradScaler("cpu", init_scale=256.0)):
        model, wanted = network(), network()
        F.cross_entropy(wanted(data[0]), data[1]).backward()
        norm = clip_grad_norm_(wanted[3].parameters(), 0.1)
        assert norm > 0.1  # else nothing would be clipped here
        optimizer = torch.optim.SGD(model[3].parameters(), lr=0.5)
        record = accumulated_step(
            model, example_sum, cut(data, [4, 5]), optimizer, max_norm=0.1, scaler=scaler
        )
        assert abs(record.gradient_norm - norm) <= TOLERANCE
        for mine, theirs in zip(model[3].parameters(), wanted[3].parameters(), strict=True):
            assert (mine.grad - theirs.grad).abs().max() <= TOLERANCE
        assert all(parameter.grad is None for parameter in model[:3].parameters())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="float16 needs a GPU")
def test_float16_with_a_scaler_on_a_gpu():
    model, (inputs, labels) = network().float().cuda(), examples(40)
    data = inputs.float().cuda(), labels.cuda()
    reference = accumulated_gradient_of(model, data, nullcontext)

    def loss_sum(model, micro_batch):
        with torch.autocast("cuda", dtype=torch.float16):
            logits = model(micro_batch[0])
        return F.cross_entropy(logits.float(), micro_batch[1], reduction="sum"), len(logits)

    scaler = torch.amp.GradScaler("cuda", init_scale=256.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    record = accumulated_step(model, loss_sum, cut(data, [16, 16, 8]), optimizer, scaler=scaler)
    found = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
    assert record.updated
    assert 0 < (found - reference).norm() / reference.norm() < 0.01


def test_gradients_left_from_before_do_not_count():
    data = examples(9)
    fresh, stale = network(), network()
    F.cross_entropy(stale(data[0]), data[1]).backward()
    for model in (fresh, stale):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        accumulated_step(model, example_sum, cut(data, [4, 5]), optimizer)
    assert distance(fresh, stale) == 0


def test_micro_batches_may_come_one_at_a_time():
    data = examples(9)
    asked, finished = [], []

    def stream():
        for micro_batch in cut(data, [4, 4, 1]):
            asked.append(len(finished))
            yield micro_batch

    def noted(model, micro_batch):
        finished.append(1)
        return example_sum(model, micro_batch)

    model = network()
    accumulated_step(model, noted, stream(), torch.optim.SGD(model.parameters(), lr=0.1))
    assert asked == [0, 1, 2]


def nan_loss(model, micro_batch):
    loss, count = example_sum(model, micro_batch)
    return (loss * math.nan if count == 2 else loss), count


def infinite_gradient(model, micro_batch):
    loss, count = example_sum(model, micro_batch)
    return loss + (0 * model[0].weight).square().sum().sqrt(), count  # 0 / 0 going backward


def mean_of_each(model, micro_batch):
    return F.cross_entropy(model(micro_batch[0]), micro_batch[1], reduction="none"), 1


def in_bfloat16(model, micro_batch):
    loss, count = example_sum(model, micro_batch)
    return loss.bfloat16(), count


def without_terms(model, micro_batch):
    return example_sum(model, micro_batch)[0], 0


def failing(model, micro_batch):
    if len(micro_batch[1]) == 1:
        raise RuntimeError("no memory left")
    return example_sum(model, micro_batch)


REFUSED = {
    "empty window": (example_sum, [], "there is no micro-batch"),
    "no terms": (without_terms, [4, 2, 3], "3 micro-batches have 0 terms"),
    "nan": (nan_loss, [4, 2, 3], "loss of micro-batch 2 of 3 is nan"),
    "nan gradient": (infinite_gradient, [4, 2, 3], "length of its gradient is nan"),
    "not a sum": (mean_of_each, [4, 2, 3], r"float64 of shape \(4,\).*reduction='sum'"),
    "bfloat16": (in_bfloat16, [4, 5], "bfloat16 of shape .*logits.float"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_gives_one_sentence_and_changes_nothing(name):
    loss_sum_fn, sizes, says = REFUSED[name]
    assert_refused(CourseError, says, loss_sum_fn, sizes)


def test_a_failure_halfway_leaves_nothing_behind():
    assert_refused(RuntimeError, "no memory left", failing, [4, 4, 1])


@pytest.mark.parametrize("max_norm", [0, -1.0, math.nan])
def test_a_limit_that_is_no_length_is_refused(max_norm):
    assert_refused(CourseError, "max_norm=", example_sum, [4], max_norm=max_norm)


def assert_refused(kind, says, loss_sum_fn, sizes, **options):
    model = network(normalization=nn.BatchNorm1d)
    optimizer = torch.optim.Adam(model.parameters())
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    accumulated_step(model, example_sum, cut(examples(8), [4, 4]), optimizer)
    before = state_of(model, optimizer)
    with pytest.raises(kind, match=says):
        accumulated_step(
            model,
            loss_sum_fn,
            cut(examples(sum(sizes)), sizes) if sizes else [],
            optimizer,
            schedule=schedule,
            **options,
        )
    assert same(state_of(model, optimizer), before)
    assert schedule.last_epoch == 0
    assert "max_norm" in options or all(parameter.grad is None for parameter in model.parameters())
