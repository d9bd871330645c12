"""The memory calculator: its sums, its limit, and the bytes a parameter and an example take."""

from itertools import product

import pytest

from coursekit.explorables.memory import DEFAULTS, DEVICES, NUM_LAYERS, allowed, describe, simulate
from coursekit.hardware.memory import MemoryModel, training_state_bytes

CHOICES = allowed(DEFAULTS)
SETTINGS = [
    dict(zip(("millions", "megabytes", "optimizer", "format", "device"), values, strict=True))
    for values in product(
        *(CHOICES[key] for key in ("millions", "megabytes", "optimizer", "format", "device"))
    )
]


def solve(**changes):
    return simulate({**DEFAULTS, **changes})


def test_the_worked_example():
    needs = solve()
    assert (needs.fixed_part, needs.example, needs.capacity) == (2000, 100, 16000)
    assert needs.largest == 140
    assert needs.total == 16000
    assert solve(format="mixed").largest == 280


def test_the_largest_batch_fits_and_one_more_does_not():
    for setting in SETTINGS:
        needs = solve(**setting)
        assert needs.capacity == 1000 * DEVICES[setting["device"]]
        if needs.fixed_part > needs.capacity:
            assert needs.largest == 0
            continue
        assert needs.fixed_part + needs.largest * needs.example <= needs.capacity
        assert needs.fixed_part + (needs.largest + 1) * needs.example > needs.capacity


def test_it_stops_in_the_first_layer_that_does_not_fit():
    for setting in SETTINGS:
        needs = solve(**setting, batch_size=256)
        used = [solve(**setting, batch_size=256, layer=i).now for i in range(NUM_LAYERS + 1)]
        assert [now > needs.capacity for now in used].count(False) == (
            needs.stops if needs.stops >= 0 else NUM_LAYERS + 1
        )
        assert used[0] == needs.fixed_part
        assert used[-1] == needs.total


def test_memory_is_a_fixed_part_and_as_much_again_for_every_example():
    for setting in SETTINGS:
        totals = [solve(**setting, batch_size=size).total for size in (1, 100, 200, 300)]
        assert totals[3] - totals[2] == totals[2] - totals[1] == 100 * solve(**setting).example
        assert totals[0] == solve(**setting).fixed_part + solve(**setting).example


@pytest.mark.parametrize(
    ("optimizer", "bytes_a_parameter"), [("sgd", 8), ("momentum", 12), ("adam", 16)]
)
def test_mixed_precision_halves_an_example_and_saves_nothing_of_the_rest(
    optimizer, bytes_a_parameter
):
    for setting in (setting for setting in SETTINGS if setting["optimizer"] == optimizer):
        full, mixed = (solve(**{**setting, "format": name}) for name in ("float32", "mixed"))
        assert full.fixed_part == mixed.fixed_part == bytes_a_parameter * setting["millions"]
        assert mixed.example == full.example / 2
        for needs in (full, mixed):
            whole = needs.parameters + needs.gradients + needs.copy + needs.optimizer
            assert whole == needs.fixed_part


def test_it_is_the_memory_model_of_the_course():
    states = {"sgd": 0, "momentum": 1, "adam": 2}
    for setting in (setting for setting in SETTINGS if setting["format"] == "float32"):
        needs, optimizer_states = solve(**setting), states[setting["optimizer"]]
        fixed = training_state_bytes(10**6 * setting["millions"], optimizer_states=optimizer_states)
        model = MemoryModel(fixed, 1e6 * setting["megabytes"])
        assert model.bytes(DEFAULTS["batch_size"]) == 1e6 * needs.total
        if needs.largest:
            assert model.largest_batch(1e6 * needs.capacity) == needs.largest


def test_bytes_are_those_of_tensors():
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(50, 20)
    model(torch.zeros(1, 50)).sum().backward()
    optimizer = torch.optim.Adam(model.parameters())
    optimizer.step()
    state = [s[key] for s in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq")]
    count = sum(param.numel() for param in model.parameters())
    tensors = [*model.parameters(), *(param.grad for param in model.parameters()), *state]
    needs = solve(millions=1)
    assert sum(tensor.nbytes for tensor in tensors) == needs.fixed_part * count


def test_the_words_tell_the_three_ends():
    assert "The largest that fits is 140." in describe(DEFAULTS)
    assert "out of memory in layer 7 of 12" in describe({**DEFAULTS, "batch_size": 256})
    assert "not even a batch of 1 fits into 16 GB" in describe({**DEFAULTS, "millions": 1300})
