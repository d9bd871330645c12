"""The schedules of `coursekit.training.schedules` beside those of `torch.optim.lr_scheduler`."""

import pytest

torch = pytest.importorskip("torch", reason="these are compared with torch's schedulers")

from torch.optim.lr_scheduler import (  # noqa: E402
    ConstantLR,
    CosineAnnealingLR,
    LambdaLR,
    LinearLR,
    SequentialLR,
    StepLR,
)

from coursekit.training.schedules import (  # noqa: E402
    constant,
    cosine,
    linear_warmup,
    step_decay,
    warmup_then,
)

BASE, WARM, LONG = 0.3, 7, 23
RECIPES = {
    "constant": (constant(BASE), lambda o: ConstantLR(o, factor=1.0)),
    "warm-up": (
        linear_warmup(BASE, start=BASE / 16, steps=WARM),
        lambda o: LinearLR(o, start_factor=1 / 16, total_iters=WARM),
    ),
    "step": (step_decay(BASE, every=5, factor=0.5), lambda o: StepLR(o, 5, gamma=0.5)),
    "cosine": (
        cosine(BASE, steps=LONG + 1, final=0.02),
        lambda o: CosineAnnealingLR(o, LONG + 1, eta_min=0.02),
    ),
    "warm-up, then cosine": (
        warmup_then(cosine(BASE, steps=LONG), start=BASE / 10, steps=WARM),
        lambda o: _warm(o, CosineAnnealingLR(o, LONG)),
    ),
    "warm-up, then step": (
        warmup_then(step_decay(BASE, every=6), start=BASE / 10, steps=WARM),
        lambda o: _warm(o, StepLR(o, 6)),
    ),
}


def _warm(optimizer, then):
    warm = LinearLR(optimizer, start_factor=1 / 10, total_iters=WARM)
    return SequentialLR(optimizer, [warm, then], milestones=[WARM])


def _rates_used(base, scheduler, steps=LONG + 1):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=base)
    following = scheduler(optimizer)
    used = []
    for _ in range(steps):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        following.step()
    return used


@pytest.mark.parametrize("recipe", RECIPES)
def test_equal_to_torch_for_the_same_recipe(recipe):
    ours, theirs = RECIPES[recipe]
    # torch multiplies from step to step: about a rounding for each of 24 steps
    used = _rates_used(BASE, theirs)
    assert [ours(step) for step in range(len(used))] == pytest.approx(used, rel=1e-13, abs=1e-16)


def test_a_schedule_of_ours_drives_a_torch_optimizer():
    ours, _ = RECIPES["warm-up, then cosine"]
    used = _rates_used(1.0, lambda o: LambdaLR(o, ours))
    assert used == [ours(step) for step in range(len(used))]
