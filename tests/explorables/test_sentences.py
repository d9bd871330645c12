"""What the figures say at the ends of their sliders, where few look; JavaScript says the same."""

from itertools import product

import pytest

from coursekit.explorables import explorable, registry

SAID = [
    ("memory", {"batch_size": 256, "layer": 11}, "After layer 11 of 12 it would be 25.5 GB."),
    ("memory", {"batch_size": 140, "layer": 11}, "After layer 11 of 12 it is 14.8 GB."),
    ("scheduler", {"left": 0}, "In step 69, 7 of 16 blocks"),
    ("scheduler", {"left": 69}, "Before the first step 0 of 16 blocks"),
    ("sampling", {"batch_size": 8}, "1 batch of 8 is possible without replacement. Its gradient,"),
    ("variance", {"draws": 1}, "the square of its error is"),
    ("variance", {"draws": 2}, "the variance of their gradients is"),
    ("shuffle", {"batch_size": 1, "seen": 1}, "After 1 example the"),
    ("all_reduce", {"megabytes": 0.1, "time": 1}, "has sent 0.025 MB"),
    ("all_reduce", {"present": "missing", "time": 0}, "nobody waits for it yet"),
    ("all_reduce", {"ranks": 2, "present": "missing", "time": 1}, "and the other waits"),
    ("fits", {"num_examples": 1000, "megabytes": 0.01, "batch_size": 1}, "takes 0.01 MB and"),
    ("critical_batch", {"critical": 64, "machine": 0}, "√(64 · 16) = 32"),
    ("critical_batch", {"critical": 32, "machine": 0}, "√(32 · 16) ≈ 23"),
    ("tiles", {"method": "keep", "read": 24}, "should have been multiplied by 1/"),
]


@pytest.mark.parametrize(("figure", "changes", "part"), SAID)
def test_what_is_said_at_the_ends(figure, changes, part):
    assert part in repr(explorable(figure, **changes))


def test_a_larger_prefetch_factor_is_advised_where_it_helps_and_nowhere_else():
    loader = registry.mirror("loader_timeline")
    choices = loader.allowed(loader.DEFAULTS)
    keys = ("load", "compute", "workers", "prefetch")
    advised = 0
    for values in product(*(choices[key] for key in keys)):
        state = {**loader.DEFAULTS, **dict(zip(keys, values, strict=True))}
        if "a larger prefetch_factor helps" in loader.describe(state):
            more = {**state, "prefetch": state["prefetch"] + 1}
            assert more["prefetch"] in choices["prefetch"]
            assert loader.simulate(more).step < loader.simulate(state).step
            advised += 1
    assert advised > 0
