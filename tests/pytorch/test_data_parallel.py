"""Ranks against one process with the large batch: gradients, steps, BatchNorm, traffic, ring.

Real processes; each launch carries many cases, because a launch costs seconds.
"""

import math
import sys

import pytest

torch = pytest.importorskip("torch", reason="this is the PyTorch road")
cloudpickle = pytest.importorskip("cloudpickle", reason="it carries functions to other processes")

import torch.distributed as dist  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

from coursekit.errors import CourseError  # noqa: E402
from coursekit.pytorch.data_parallel import data_parallel_step, mean_over_ranks  # noqa: E402
from coursekit.pytorch.data_parallel_batch_norm import (  # noqa: E402
    CrossRankBatchNorm,
    synchronized,
)
from coursekit.pytorch.data_parallel_launch import run_ranks  # noqa: E402
from coursekit.pytorch.data_parallel_traffic import count_traffic, ring_all_reduce  # noqa: E402
from coursekit.training import ring  # noqa: E402

cloudpickle.register_pickle_by_value(sys.modules[__name__])

# Two sums of the same float64 numbers in another order; gradients here are of the size of 1.
TOLERANCE = 1e-12
MASKED = -100


def network(normalization=nn.LayerNorm):
    torch.manual_seed(0)
    layers = [nn.Linear(5, 8), normalization(8), nn.Tanh(), nn.Linear(8, 3)]
    return nn.Sequential(*layers).double()


def examples(count, seed=0):
    rng = torch.Generator().manual_seed(seed)
    inputs = torch.randn(count, 5, generator=rng, dtype=torch.float64)
    labels = torch.randint(0, 3, (count,), generator=rng)
    labels[torch.rand(count, generator=rng) < 0.2] = MASKED
    labels[0] = 1
    return inputs, labels


def loss_sum(model, batch):
    inputs, labels = batch
    loss = F.cross_entropy(model(inputs), labels, ignore_index=MASKED, reduction="sum")
    return loss, (labels != MASKED).sum()


def gradient(model):
    return torch.cat([parameter.grad.flatten() for parameter in model.parameters()])


def large_batch(data, normalization=nn.LayerNorm):
    model = network(normalization)
    total, count = loss_sum(model, data)
    (total / count).backward()
    return model


def cuts(world_size, seed):
    """Sizes of every rank's micro-batches: uneven, some empty, at least one a rank."""
    rng = torch.Generator().manual_seed(seed)

    def number(low, high):
        return int(torch.randint(low, high, (), generator=rng))

    sizes = [[number(0, 6) for _ in range(number(1, 4))] for _ in range(world_size)]
    sizes[seed % world_size][0] += 3
    return sizes


def dealt(data, sizes):
    flat = [size for rank in sizes for size in rank]
    pieces = iter(list(zip(*(part.split(flat) for part in data), strict=True)))
    return [[next(pieces) for _ in rank] for rank in sizes]


def many_splits(rank, world_size, num_cases):
    """Largest distance from the large batch: of gradients, of steps, of losses."""
    worst = torch.zeros(4, dtype=torch.float64)
    for seed in range(num_cases):
        sizes = cuts(world_size, seed)
        data = examples(sum(map(sum, sizes)), seed)
        parts = dealt(data, sizes)[rank]
        own = tuple(torch.cat(part) for part in zip(*parts, strict=True))
        wanted = large_batch(data)

        model = DistributedDataParallel(network())
        mean_over_ranks(*loss_sum(model, own)).backward()
        worst[0] = max(worst[0], (gradient(model) - gradient(wanted)).abs().max())

        model = DistributedDataParallel(network())
        optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
        step = data_parallel_step(model, loss_sum, parts, optimizer, max_norm=0.1)
        length = nn.utils.clip_grad_norm_(wanted.parameters(), 0.1)
        worst[1] = max(worst[1], (gradient(model) - gradient(wanted)).abs().max())
        total, count = loss_sum(network(), data)
        worst[2] = max(worst[2], abs(step.loss - total / count), abs(step.gradient_norm - length))
        worst[3] = max(worst[3], abs(step.num_terms - count))
    return worst.tolist()


@pytest.mark.parametrize("world_size", [2, 4])
def test_any_split_over_ranks_is_the_large_batch(world_size):
    for worst in run_ranks(many_splits, world_size, 25):
        assert max(worst[:3]) < TOLERANCE
        assert worst[3] == 0


def weighted_and_partly_trained(rank, world_size):
    """Two steps that update nothing, by weights of terms that add up to 2.5, 0.5 and 3."""
    data = examples(6)
    data[1][data[1] == MASKED] = 0
    found = []
    for total in (2.5, 0.5, 3.0):
        weights = torch.tensor([1.0, 2, 3, 4, 6, 4]).double() * (total / 20)

        def weighted_sum(model, batch):
            inputs, labels, weight = batch
            losses = F.cross_entropy(model(inputs), labels, reduction="none")
            return (losses * weight).sum(), weight.sum().item()

        own = tuple(part.split([2, 4])[rank] for part in (*data, weights))
        model = DistributedDataParallel(network())
        loss, terms = weighted_sum(model, own)
        mean = mean_over_ranks(loss, terms)
        dist.all_reduce(mean)
        optimizer = torch.optim.SGD(model.module[3].parameters(), lr=0.0)
        steps = [data_parallel_step(model, weighted_sum, [own], optimizer) for _ in range(2)]
        wanted = network()
        loss, terms = weighted_sum(wanted, (*data, weights))
        (loss / terms).backward()
        norm = nn.utils.get_total_norm([one.grad for one in wanted[3].parameters()])
        apart = [mean / world_size - loss / terms]
        for step in steps:
            apart += [step.num_terms - total, step.loss - loss / terms, step.gradient_norm - norm]
        untrained = [parameter.grad for parameter in model.module[:3].parameters()]
        found.append((max(map(abs, map(float, apart))), untrained, str(steps[0].num_terms)))
    return found


def test_weights_of_terms_and_parameters_that_are_not_trained():
    for found in run_ranks(weighted_and_partly_trained, 2):
        apart, untrained, printed = zip(*found, strict=True)
        assert max(apart) < TOLERANCE
        assert untrained == ([None] * 4,) * 3
        assert printed[2] == "3"  # as a number of examples prints


def norms(rank, world_size):
    """What plain and cross-rank BatchNorm miss the large batch by, for even and uneven cuts."""
    found = {}
    for name, sizes in {"even": [6, 6], "uneven": [3, 9]}.items():
        data = examples(12, 7)
        data[1][data[1] == MASKED] = 0
        own = tuple(part.split(sizes)[rank] for part in data)
        wanted = large_batch(data, nn.BatchNorm1d)
        for kind, made in {
            "plain": network(nn.BatchNorm1d),
            "synchronized": synchronized(network(nn.BatchNorm1d)),
        }.items():
            model = DistributedDataParallel(made)
            mean_over_ranks(*loss_sum(model, own)).backward()
            apart = gradient(model) - gradient(wanted)
            statistics = made[1].running_var - wanted[1].running_var
            statistics = torch.cat([statistics, made[1].running_mean - wanted[1].running_mean])
            found[name, kind] = apart.abs().max().item(), statistics.abs().max().item()
    images = torch.randn(12, 8, 3, 2, generator=torch.Generator().manual_seed(1))
    layer, plain = synchronized(nn.BatchNorm2d(8)), nn.BatchNorm2d(8)
    apart = layer(images.split([5, 7])[rank]) - plain(images).split([5, 7])[rank]
    found["images"] = apart.abs().max().item()
    layer.eval(), plain.eval()
    found["evaluation"] = (layer(images) - plain(images)).abs().max().item()
    try:
        nn.SyncBatchNorm(8)(torch.randn(4, 8))
    except ValueError as error:
        found["library"] = str(error)
    try:
        synchronized(nn.BatchNorm1d(2))(torch.randn(1 - rank, 2))
    except ValueError as error:
        found["one example"] = str(error)
    return found


def test_batch_norm_over_ranks_is_batch_norm_over_the_large_batch():
    for found in run_ranks(norms, 2):
        for cut in ("even", "uneven"):
            assert found[cut, "plain"][0] > 0.01
            assert max(found[cut, "synchronized"]) < TOLERANCE
        assert found["images"] < 1e-5  # float32
        assert found["evaluation"] < 1e-5
        assert "to be on GPU" in found["library"]
        assert "more than 1 value per channel" in found["one example"]


def test_every_batch_norm_is_replaced_and_keeps_its_parameters():
    old = nn.Sequential(nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm2d(2, affine=False)))
    state = old.state_dict()
    new = synchronized(old)
    assert [type(m) for m in new.modules() if not isinstance(m, nn.Sequential)] == (
        [CrossRankBatchNorm] * 2
    )
    assert new.state_dict().keys() == state.keys()
    assert new[0].weight is old[0].weight
    inputs = torch.randn(5, 3)
    assert torch.allclose(new[0](inputs), nn.BatchNorm1d(3)(inputs))  # no group: plain


def travels(rank, world_size):
    data = examples(24, 3)
    parts = list(zip(*(part.chunk(world_size)[rank].split(2) for part in data), strict=True))
    found = {}
    for name in ("every micro-step", "once"):
        model = DistributedDataParallel(network())
        traffic = count_traffic(model)
        if name == "once":
            data_parallel_step(model, loss_sum, parts, torch.optim.SGD(model.parameters(), lr=0.0))
        else:
            for part in parts:
                mean_over_ranks(*loss_sum(model, part)).backward()
        found[name] = traffic.num_all_reduces, traffic.num_bytes
    found["parameters"] = sum(p.numel() for p in network().parameters())
    found["micro-steps"] = len(parts)
    for length in (0, 1, 7, 40):
        rng = torch.Generator().manual_seed(length)
        vectors = torch.randn(world_size, length, generator=rng, dtype=torch.float64)
        mine, theirs = vectors[rank].clone(), vectors[rank].clone()
        sent = ring_all_reduce(mine)
        dist.all_reduce(theirs)
        held, numbers = ring.ring_all_reduce(vectors)
        assert torch.equal(mine, torch.from_numpy(held[rank]))
        assert (mine - theirs).abs().max() < TOLERANCE if length else True
        assert sent == 8 * numbers[rank]
    return found


def test_gradients_travel_once_a_step_and_the_ring_is_the_ring():
    for world_size in (2, 3):
        for found in run_ranks(travels, world_size):
            size = 8 * found["parameters"]
            count = found["micro-steps"]
            assert found["every micro-step"] == (count, count * size)
            assert found["once"] == (1, size)


def refusals(rank, world_size):
    said = []
    cases = {
        "half a step": (failing, [examples(4), examples(4)]),
        "no terms": (loss_sum, [(torch.zeros(2, 5).double(), torch.full((2,), MASKED))]),
        "nan on one rank": (poisoned, [examples(4)]),
        "a gradient that is not finite": (steep, [examples(4)]),
    }
    for function, parts in cases.values():
        model = DistributedDataParallel(network(nn.BatchNorm1d))
        before = [value.clone() for value in model.state_dict().values()]
        optimizer = torch.optim.SGD(model.module[3].parameters(), lr=0.1)
        try:
            data_parallel_step(model, function, parts, optimizer)
        except (CourseError, MemoryError) as error:
            said.append(str(error))
        unchanged = zip(before, model.state_dict().values(), strict=True)
        assert all(torch.equal(old, new) for old, new in unchanged)
        assert all(parameter.grad is None for parameter in model.parameters())
    try:
        mean_over_ranks(torch.tensor(0.0), 0)
    except CourseError as error:
        said.append(str(error))
    if rank == 1:
        data_parallel_step(model, loss_sum, [], optimizer)
    return said


def failing(model, batch):
    if model.module[3].weight.grad is not None:
        raise MemoryError("no memory left")
    return loss_sum(model, batch)


def poisoned(model, batch):
    loss, count = loss_sum(model, batch)
    return loss * (math.nan if dist.get_rank() == 1 else 1.0), count


def steep(model, batch):
    loss, count = loss_sum(model, batch)
    return loss + (0 * model.module[3].weight).square().sum().sqrt(), count


def test_every_rank_refuses_together_and_an_idle_rank_is_named():
    with pytest.raises(CourseError, match="rank 1 of 2 raised CourseError: rank 1 has no micro"):
        run_ranks(refusals, 2)


def refusals_without_the_last(rank, world_size):
    return refusals(0 if rank == 1 else rank, world_size)


def test_what_the_refusals_say():
    first, second = run_ranks(refusals_without_the_last, 2)
    assert first == second
    assert "no memory left" in first[0]
    assert "have 0 loss terms" in first[1]
    assert "add up to nan" in first[2]
    assert "length of the gradient is nan" in first[3]
    assert "have 0 loss terms together" in first[4]
