"""Update rules: a step worked by hand, and the rules of PyTorch, member by member."""

import numpy as np
import pytest

from coursekit.training.optimizers import Adam, Momentum, descend


def test_two_steps_of_each_worked_by_hand():
    start, grads = [np.array([[1.0]])], [[np.array([[4.0]])], [np.array([[-2.0]])]]
    rate = np.array(0.1)
    ends = {}
    for name, rule in {
        "plain": descend,
        "momentum": Momentum(0.5),
        "adam": Adam(0.5, 0.75),
    }.items():
        now = start
        for grad in grads:
            now = rule(now, grad, rate)
        ends[name] = now[0].item()
    assert ends["plain"] == pytest.approx(1 - 0.4 + 0.2)
    assert ends["momentum"] == pytest.approx(1 - 0.4)  # 0.5 * 4 - 2 = 0: the second step is none
    # first step: the sign. Second: mean (1 - 1) / 0.75 = 0
    assert ends["adam"] == pytest.approx(1 - 0.1)
    assert start[0].item() == 1.0


@pytest.mark.parametrize("rule", ["descend", "momentum", "adam"])
def test_each_member_is_the_run_of_torch(rule):
    torch = pytest.importorskip("torch", reason="the second road")
    ours = {"descend": descend, "momentum": Momentum(0.9), "adam": Adam(0.8, 0.95)}[rule]
    theirs = {
        "descend": lambda p, lr: torch.optim.SGD(p, lr=lr),
        "momentum": lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9),
        "adam": lambda p, lr: torch.optim.Adam(p, lr=lr, betas=(0.8, 0.95)),
    }[rule]
    rng = np.random.default_rng(0)
    shapes, rates = [(2, 3), (1, 3)], np.array([0.1, 0.01])
    start = [rng.normal(size=(2, *shape)) for shape in shapes]
    grads = [[rng.normal(size=p.shape) for p in start] for _ in range(7)]
    now = start
    for grad in grads:
        now = ours(now, grad, rates)
    for member, rate in enumerate(rates):
        tensors = [torch.nn.Parameter(torch.from_numpy(p[member].copy())) for p in start]
        optimizer = theirs(tensors, rate)
        for grad in grads:
            for tensor, g in zip(tensors, grad, strict=True):
                tensor.grad = torch.from_numpy(g[member].copy())
            optimizer.step()
        for ours_end, their_end in zip(now, tensors, strict=True):
            assert np.allclose(ours_end[member], their_end.detach().numpy(), rtol=0, atol=1e-12)
