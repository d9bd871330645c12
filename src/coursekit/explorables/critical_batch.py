"""What does a larger batch save, and what does it cost? The Python mirror of critical_batch.mjs.

Steps follow S_min (1 + B_crit/B), a step takes 1 + B/knee (chapter 07), and so the time has its
minimum at the square root of B_crit times the knee. Source: McCandlish et al. 2018,
arXiv:1812.06162, equations 2.11 and 2.12; the minimum is one derivative further.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .core import fixed

SIZES = tuple(2**i for i in range(2, 11))
KNEES = (16, 64, 256, 1024)
"""At which batch size a machine takes twice the time of its shortest step, in examples."""

DEFAULTS: dict[str, Any] = {"critical": 64, "machine": 2, "doublings": 6, "swept": 12}
VIEWS: dict[str, dict[str, Any]] = {
    "critical_batch": {},
    "critical_batch-large": {"doublings": 11},
    "critical_batch-small": {"doublings": 1},
}


def allowed(state: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """The values each key of the state may take."""
    return {
        "doublings": range(13),
        "critical": SIZES,
        "machine": range(len(KNEES)),
        "swept": range(13),
    }


@dataclass(frozen=True)
class Costs:
    """What a batch size costs, each as a multiple of its least possible value.

    Attributes
    ----------
    batch_size
        B, in examples.
    knee
        That of the machine, in examples.
    swept_to
        Up to which batch size the curves are drawn.
    steps, examples
        1 + B_crit/B and 1 + B/B_crit.
    quickest
        The batch size that takes the least time, in examples.
    time
        How many times as long as that one this one takes.
    """

    batch_size: int
    knee: int
    swept_to: int
    steps: float
    examples: float
    quickest: float
    time: float


def _seconds(batch_size: float, critical: int, knee: int) -> float:
    return (1 + critical / batch_size) * (1 + batch_size / knee)


def simulate(state: Mapping[str, Any]) -> Costs:
    """The numbers behind the figure."""
    critical, knee = state["critical"], KNEES[state["machine"]]
    batch_size: int = 2 ** state["doublings"]
    quickest = math.sqrt(critical * knee)
    return Costs(
        batch_size=batch_size,
        knee=knee,
        swept_to=2 ** state["swept"],
        steps=1 + critical / batch_size,
        examples=1 + batch_size / critical,
        quickest=quickest,
        time=_seconds(batch_size, critical, knee) / _seconds(quickest, critical, knee),
    )


def describe(state: Mapping[str, Any]) -> str:
    """The figure in words, for those who do not see it."""
    costs, critical = simulate(state), state["critical"]
    size, drawn = costs.batch_size, f" The curves are drawn up to a batch of {costs.swept_to}."
    if 4 * size <= critical:
        where = "Doubling it nearly halves the steps"
    elif size >= 4 * critical:
        where = "Doubling it saves hardly a step and nearly doubles the examples"
    else:
        where = "Near the critical batch size both costs are felt"
    equals = "=" if costs.quickest.is_integer() else "≈"
    return (
        f"A batch of {size}, where the critical batch size is {critical}: "
        f"{fixed(costs.steps)} times the fewest steps, "
        f"{fixed(costs.examples)} times the fewest examples. {where}. "
        f"On a machine whose knee is at {costs.knee}, a batch of √({critical} · {costs.knee}) "
        f"{equals} {fixed(costs.quickest, 0)} is done first; this one takes {fixed(costs.time)} "
        f"times as long.{drawn if state['swept'] < 12 else ''}"
    )


def typical(state: Mapping[str, Any]) -> list[float]:
    """Nothing here is left to chance."""
    return []
