"""Claims: statements the course rests on, each checked by the cell that makes it.

A claim has an id, a sentence, a kind of evidence and a verdict. Making one runs its check: a
claim that fails raises `ClaimFailed`, so the cell fails, the notebook fails, and the book is not
built. A claim that passes displays as text that is equal on every machine, which is what nbval
compares and what the claims ledger of the book is made from.

Three kinds, by what they can promise:

- *proved exactly* (`proved`): every case was looked at (enumeration), or values that must be equal
  were compared in the cases that it names;
- *tested statistically*: a seeded experiment gave an interval, and the value the theory names lies
  inside it, or all of it on the side of a bound that the claim names (`estimated`); or each of its
  runs did what the claim says (`observed`);
- *measured* (`measured`): a ratio taken in this run, or in a stored one, meets a bound that was
  stated beforehand.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .errors import CourseError
from .rounding import significant

MIME_TYPE = "application/vnd.batch-by-batch.claim+json"

HOLDS = "holds"
CORRECTED = "holds with a correction"
NOT_REPLICATED = "does not replicate here"
VERDICTS = (HOLDS, CORRECTED, NOT_REPLICATED)


class ClaimFailed(AssertionError):  # noqa: N818  (a claim fails; it is not an error of the program)
    """The evidence does not support the claim. The message shows the evidence."""


@dataclass(frozen=True)
class Claim:
    """A checked statement, ready to display. Make one with one of the functions below."""

    id: str
    statement: str
    kind: str
    verdict: str
    evidence: str
    corrects: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", self.id):
            raise CourseError(
                f"claim id {self.id!r} is not usable; write two or more lower-case words joined "
                "by hyphens, for example 'unbiased-all-batches'."
            )
        if self.verdict not in VERDICTS:
            raise CourseError(f"verdict {self.verdict!r} is not one of {', '.join(VERDICTS)}.")
        if self.verdict != HOLDS and not self.corrects:
            raise CourseError(
                f"claim {self.id}: the verdict {self.verdict!r} needs corrects=..., the statement "
                "people usually make, so that the reader sees what is being corrected."
            )

    def __repr__(self) -> str:
        lines = [f"Claim {self.id}: {self.verdict} ({self.kind})", f"  {self.statement}"]
        if self.corrects:
            lines.append(f"  Often said: {self.corrects}")
        return "\n".join([*lines, f"  Evidence: {self.evidence}"])

    def _repr_html_(self) -> str:
        def text(part: str) -> str:
            return html.escape(part, quote=False)

        modifier = {HOLDS: "holds", CORRECTED: "corrected", NOT_REPLICATED: "not-replicated"}
        often_said = (
            f'<p class="claim-corrects">Often said: {text(self.corrects)}</p>\n'
            if self.corrects
            else ""
        )
        return (
            f'<div class="claim claim-{modifier[self.verdict]}" id="claim-{self.id}">'
            f'<p class="claim-head"><span class="claim-verdict">{text(self.verdict)}</span> '
            f'<span class="claim-kind">{text(self.kind)}</span> '
            f'<a class="claim-id" href="#claim-{self.id}">{self.id}</a></p>\n'
            f'<p class="claim-statement">{text(self.statement)}</p>\n{often_said}'
            f'<p class="claim-evidence">{text(self.evidence)}</p></div>'
        )

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "text/plain": repr(self),
            "text/html": self._repr_html_(),
            MIME_TYPE: asdict(self),
        }


def proved(
    id: str,
    statement: str,
    *,
    got: Any,
    expected: Any,
    tolerance: float = 0.0,
    because: str = "",
    verdict: str = HOLDS,
    corrects: str = "",
) -> Claim:
    """A claim checked exactly: ``got`` equals ``expected`` within an absolute ``tolerance``.

    Numbers, arrays of equal shape, `fractions.Fraction` and lists of them, and booleans are
    compared element by element. With ``tolerance=0`` they are compared with ``==`` and nothing is
    converted to float, so fractions stay exact. A tolerance above 0 needs its reason in
    ``because``, for example "at most 70 additions in float64".

    Raises
    ------
    ClaimFailed
        When an element differs by more than ``tolerance``, or the shapes differ.
    """
    evidence = _compared(id, statement, got, expected, tolerance, because)
    return Claim(id, statement, "proved exactly", verdict, _sentence(evidence, because), corrects)


def observed(
    id: str,
    statement: str,
    *,
    got: Any,
    expected: Any,
    tolerance: float = 0.0,
    because: str = "",
    verdict: str = HOLDS,
    corrects: str = "",
) -> Claim:
    """A claim that each run of a seeded experiment bears out: compared as by `proved`.

    Other draws could have given another answer, so nothing is proved. Where an interval can say how
    far the answer might be off, use `estimated`.

    Raises
    ------
    ClaimFailed
        As `proved`.
    """
    evidence = f"in seeded runs, {_compared(id, statement, got, expected, tolerance, because)}"
    return Claim(
        id, statement, "tested statistically", verdict, _sentence(evidence, because), corrects
    )


def estimated(
    id: str,
    statement: str,
    *,
    interval: tuple[float, float],
    expected: float | None = None,
    above: float | None = None,
    below: float | None = None,
    because: str,
    verdict: str = HOLDS,
    corrects: str = "",
) -> Claim:
    """A claim checked by a seeded experiment that gave an ``interval``.

    Either ``expected`` lies inside the interval, or the whole interval lies ``above`` or ``below``
    a bound. ``because`` says how the interval was made, for example "99 % normal interval over
    2000 seeded batches".

    Raises
    ------
    ClaimFailed
        When it does not, or the interval is not one.
    """
    wanted = {"expected": expected, "above": above, "below": below}
    given = {name: float(value) for name, value in wanted.items() if value is not None}
    if len(given) != 1:
        raise CourseError(f"claim {id}: give one of expected=..., above=... and below=...")
    ((relation, value),) = given.items()
    low, high = (float(bound) for bound in interval)
    shown = f"[{significant(low, 4)}, {significant(high, 4)}]"
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise ClaimFailed(f"{id}: {statement} {shown} is not an interval.")
    holds = {"expected": low <= value <= high, "above": low > value, "below": high < value}
    if not holds[relation]:
        raise ClaimFailed(
            f"{id}: {statement} Found the interval {shown}; {relation} {significant(value, 4)} "
            "does not fit it."
        )
    evidence = (
        f"expected {significant(value, 4)}, found the interval {shown}"
        if relation == "expected"
        else f"the interval found, {shown}, lies {relation} {significant(value, 4)}"
    )
    return Claim(
        id, statement, "tested statistically", verdict, _sentence(evidence, because), corrects
    )


def measured(
    id: str,
    statement: str,
    *,
    ratio: float,
    at_least: float | None = None,
    at_most: float | None = None,
    because: str,
    verdict: str = HOLDS,
    corrects: str = "",
) -> Claim:
    """A claim checked by measuring: a ratio of this run meets a bound.

    The output states the bound and the verdict, never the ratio itself, which differs from
    machine to machine. ``because`` says what was measured and how the bound was chosen.

    Raises
    ------
    ClaimFailed
        When the ratio misses a bound; the message gives the ratio.
    """
    if at_least is None and at_most is None:
        raise CourseError(f"claim {id}: give a bound, at_least=... or at_most=...")
    bounds = []
    if at_least is not None:
        bounds.append(f"at least {at_least:g}")
    if at_most is not None:
        bounds.append(f"at most {at_most:g}")
    bound = " and ".join(bounds)
    low = -math.inf if at_least is None else at_least
    high = math.inf if at_most is None else at_most
    if not low <= ratio <= high:
        raise ClaimFailed(f"{id}: {statement} The ratio was {ratio:.3g}, not {bound}.")
    evidence = f"the ratio measured in this run is {bound}"
    return Claim(id, statement, "measured", verdict, _sentence(evidence, because), corrects)


def _compared(
    id: str, statement: str, got: Any, expected: Any, tolerance: float, because: str
) -> str:
    """Raise `ClaimFailed` unless ``got`` equals ``expected``; else say what was compared."""
    if tolerance > 0 and not because:
        raise CourseError(f"claim {id}: a tolerance needs its reason; say it in because=...")
    exact = tolerance == 0
    dtype = object if exact else float
    left, right = np.asarray(got, dtype=dtype), np.asarray(expected, dtype=dtype)
    if left.shape != right.shape:
        raise ClaimFailed(
            f"{id}: {statement} Got shape {left.shape}, expected shape {right.shape}."
        )
    if left.size == 0:
        raise ClaimFailed(f"{id}: {statement} Nothing was compared: the arrays are empty.")
    if exact:
        equal = np.array([a == b for a, b in zip(left.flat, right.flat, strict=True)], dtype=bool)
        worst = "equal" if equal.all() else f"{int((~equal).sum())} of {equal.size} values differ"
        holds = bool(equal.all())
    else:
        difference = float(np.max(np.abs(left - right)))
        holds = difference <= tolerance  # a NaN fails here, as it should
        worst = f"largest difference {difference:.2e}"
    if not holds:
        raise ClaimFailed(
            f"{id}: {statement} {worst}; got {_excerpt(left)}, expected {_excerpt(right)}, "
            f"tolerance {tolerance:g}."
        )
    count = f"{left.size} value{'s' if left.size > 1 else ''} compared"
    if all(isinstance(value, (bool, np.bool_)) for value in right.flat):
        evidence = f"{left.size} condition{'s' if left.size > 1 else ''} checked"
    elif exact:
        evidence = f"{count}, all exactly equal"
    else:
        evidence = f"{count}, none differs by more than {tolerance:g}"
    return evidence


def _sentence(evidence: str, because: str) -> str:
    return f"{evidence} ({because})." if because else f"{evidence}."


def _excerpt(values: np.ndarray[Any, Any]) -> str:
    shown = ", ".join(str(value) for value in values.flat[:4])
    return shown if values.size <= 4 else f"{shown}, … ({values.size} values)"
