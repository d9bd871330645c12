"""Points: what each assertion earned, why others earned nothing, which misconception it shows.

A check's points are shared equally by its assertions. An assertion earns its share when the value
that the student's code gave is the one that the solved notebook gave; what the cell printed or
warned about plays no part.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from ..errors import CourseError
from . import probes
from .comparing import difference
from .records import (
    CRASH,
    EXCEPTION,
    FLOOD,
    MEMORY,
    NOT_RUN,
    RAN,
    TIMEOUT,
    Answer,
    Assertion,
    CellOutcome,
    Check,
    CheckScore,
    Json,
    Question,
    QuestionScore,
)

PLACES = 4
"""Decimal places of points: a third of a point is 0.3333 in every file."""

ENDED = {
    EXCEPTION: "it stopped with an exception",
    TIMEOUT: "it took longer than it may",
    CRASH: "it ended the Python process",
    MEMORY: "it used more memory than it may",
    FLOOD: "it printed more than it may",
    NOT_RUN: "it was not run",
}

NO_EVIDENCE = ("NameError", "NotImplementedError", "SyntaxError", "IndentationError")
"""Exceptions of an answer that is not there, which every mistake and every gap share."""

Outcomes = Mapping[str, CellOutcome]
"""Of one run of a notebook, by the ``grade_id`` of its cells."""


@dataclass(frozen=True)
class Asked:
    """What one assert of a check asks: its message, or its code where it has none."""

    text: str
    hidden: bool


@dataclass(frozen=True)
class Reference:
    """What the solved notebook emitted, and what each mistake of each question did.

    ``mistakes`` maps the name of a question, then of a mistake, to outcomes of that question.
    """

    solved: Outcomes
    mistakes: Mapping[str, Mapping[str, Outcomes]]


@cache
def asked(check: Check) -> Mapping[int, Asked]:
    """The asserts of ``check`` in order, from 1. A hidden one shows its message alone."""
    hidden_lines = probes.hidden_lines(check.source)
    asserts = [node for node in ast.parse(check.source).body if isinstance(node, ast.Assert)]
    found = {}
    for number, node in enumerate(asserts, start=1):
        hidden = node.lineno in hidden_lines
        message = node.msg.value if isinstance(node.msg, ast.Constant) else None
        code = "a hidden check" if hidden else ast.unparse(node.test)
        found[number] = Asked(message if isinstance(message, str) else code, hidden)
    return found


def verify(question: Question, solved: Outcomes) -> None:
    """Make sure that the solved notebook gave a value for every assertion of ``question``.

    Raises
    ------
    CourseError
        When one is missing or raised: nothing could be compared with it.
    """
    for check in question.checks:
        if check.manual:
            continue
        outcome = solved.get(check.grade_id)
        if outcome is None or outcome.status != RAN:
            how = ENDED[outcome.status if outcome else NOT_RUN]
            said = f" ({outcome.message})" if outcome and outcome.message else ""  # for instructors
            raise CourseError(
                f"check {check.grade_id!r} gives no reference, because in the solved notebook "
                f"{how}{said}; mend the solved notebook."
            )
        for number in asked(check):
            value = outcome.emitted.get(number)
            if number not in outcome.emitted or _error_name(value):
                raise CourseError(
                    f"assertion {number} of check {check.grade_id!r} gives no reference value in "
                    f"the solved notebook (it gave {_error_name(value) or 'nothing'}); mend the "
                    "solved notebook."
                )
            if difference(value, value, tolerance=check.tolerance):
                raise CourseError(
                    f"assertion {number} of check {check.grade_id!r} asks for something that "
                    "cannot be compared; let it ask for numbers, text, arrays or lists of them."
                )


def score(
    question: Question,
    outcomes: Outcomes,
    reference: Reference,
    *,
    answer: Answer | None = None,
    manual: Mapping[str, float] | None = None,
) -> QuestionScore:
    """Points of ``question`` from the ``outcomes`` of one submission.

    ``manual`` has a grader's points for the manual checks, by ``grade_id``; a slot without them
    counts 0 and is ``NOT_RUN``.
    """
    why_none = _no_answer(question, outcomes, answer)
    checks = [
        _by_hand(check, (manual or {}).get(check.grade_id))
        if check.manual
        else _check(check, outcomes, reference.solved[check.grade_id], why_none)
        for check in question.checks
    ]
    mistake = "" if why_none else _mistake(question, outcomes, reference)
    if mistake:
        hint = next(known.hint for known in question.mistakes if known.name == mistake)
        checks = [replace(check, hint=hint) if _lost_by_value(check) else check for check in checks]
    return QuestionScore(
        question=question.name,
        points=round(sum(check.points for check in checks), PLACES),
        out_of=round(sum(check.out_of for check in checks), PLACES),
        checks=tuple(checks),
        mistake=mistake,
    )


def _no_answer(question: Question, outcomes: Outcomes, answer: Answer | None) -> str:
    """Why there is nothing to check, in one sentence; empty where there is."""
    if answer is not None and not answer.confidence:
        return "no answer to this question was found in the notebook"
    own = outcomes.get(question.answer_id)
    if own is None or own.status == RAN:
        return ""
    return f"the answer cell did not run, because {_ended(own)}"


def _ended(outcome: CellOutcome) -> str:
    """How a cell ended, and the type of an exception that Python has.

    What it said is left out: code that has seen the hidden inputs of one question could say them
    in an exception of the next.
    """
    name = outcome.message.partition(":")[0]
    known = outcome.status == EXCEPTION and isinstance(getattr(builtins, name, None), type)
    return f"{ENDED[outcome.status]}{f' ({name})' if known else ''}"


def _check(check: Check, outcomes: Outcomes, solved: CellOutcome, why_none: str) -> CheckScore:
    outcome = outcomes.get(check.grade_id) or CellOutcome(check.grade_id, NOT_RUN, {})
    assertions = []
    for number, what in asked(check).items():
        reason = _why_not(check, number, what, outcome, solved, why_none)
        assertions.append(Assertion(number, not reason, _sentence(what, reason), what.hidden))
    met = sum(assertion.met for assertion in assertions)
    points = check.points * met / len(assertions) if assertions else 0.0
    return CheckScore(
        grade_id=check.grade_id,
        points=round(points, PLACES),
        out_of=round(check.points, PLACES),
        status=outcome.status,
        assertions=tuple(assertions),
    )


def _why_not(
    check: Check, number: int, what: Asked, outcome: CellOutcome, solved: CellOutcome, why_none: str
) -> str:
    """Why one assertion is not met; empty when it is."""
    if outcome.status != RAN:
        return why_none or _ended(outcome)
    if number not in outcome.emitted:
        return why_none or "no value came back"
    found = difference(outcome.emitted[number], solved.emitted[number], tolerance=check.tolerance)
    if found is None:
        return ""
    return why_none or (found.general if what.hidden else found.detail)


def _sentence(what: Asked, reason: str) -> str:
    return f"{what.text}: {reason}." if reason else f"{what.text}."


def _by_hand(check: Check, points: float | None) -> CheckScore:
    graded = points is not None
    return CheckScore(
        grade_id=check.grade_id,
        points=round(points or 0.0, PLACES),
        out_of=round(check.points, PLACES),
        status=RAN if graded else NOT_RUN,
        assertions=(),
        manual=True,
    )


def _mistake(question: Question, outcomes: Outcomes, reference: Reference) -> str:
    """The first mistake whose values are the student's wherever the student's are wrong."""
    for mistake in question.mistakes:
        known = reference.mistakes.get(question.name, {}).get(mistake.name, {})
        if _looks_like(question, outcomes, known, reference.solved):
            return mistake.name
    return ""


def _looks_like(question: Question, outcomes: Outcomes, known: Outcomes, solved: Outcomes) -> bool:
    evidence = False
    for check in question.checks:
        own, other = outcomes.get(check.grade_id), known.get(check.grade_id)
        if check.manual:
            continue
        if own is None or other is None or own.status != RAN or other.status != RAN:
            return False
        for number in asked(check):
            value, wrong = own.emitted.get(number), other.emitted.get(number)
            if difference(value, wrong, tolerance=check.tolerance):
                return False
            right = solved[check.grade_id].emitted[number]
            if _error_name(value) not in NO_EVIDENCE and difference(
                value, right, tolerance=check.tolerance
            ):
                evidence = True
    return evidence


def _error_name(value: Json) -> str:
    is_error = isinstance(value, dict) and value.get("type") == "error"
    return str(value.get("name")) if is_error else ""


def _lost_by_value(check: CheckScore) -> bool:
    return not check.manual and not all(assertion.met for assertion in check.assertions)
