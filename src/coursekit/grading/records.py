"""What grading hands from one step to the next: an assignment, an answer, what ran, what it earned.

The order of the steps is the order of this file. Every record is frozen and holds plain data, so
that it can be stored as JSON, compared, and sent to another process.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Json = Any
"""None, a bool, a number, a string, a list of `Json`, or a dict from strings to `Json`."""

RAN = "ran"
EXCEPTION = "exception"
TIMEOUT = "timeout"
CRASH = "crash"
MEMORY = "memory"
FLOOD = "flood"
NOT_RUN = "not run"
STATUSES = (RAN, EXCEPTION, TIMEOUT, CRASH, MEMORY, FLOOD, NOT_RUN)
"""How a cell of a submission ended. Only a cell that ran earns points."""


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that students really give: its code, and the sentence that names it."""

    name: str
    hint: str
    source: str


@dataclass(frozen=True)
class Check:
    """A graded cell. ``source`` is its code with the hidden part; points are shared by its asserts.

    ``tolerance`` is relative, for every float that an assert compares. A ``manual`` check is a slot
    for a grader's own points: nothing of it runs.
    """

    grade_id: str
    points: float
    source: str
    tolerance: float = 1e-9
    manual: bool = False


@dataclass(frozen=True)
class Question:
    """An answer cell (its ``grade_id`` is ``answer_id``) and the checks it has to pass."""

    name: str
    title: str
    answer_id: str
    checks: tuple[Check, ...]
    mistakes: tuple[Mistake, ...] = ()


@dataclass(frozen=True)
class Assignment:
    """A solved notebook as read from its file, and its questions in order."""

    name: str
    notebook: Json
    questions: tuple[Question, ...]
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """The student's code for a question, and how surely it was found (1 by id, 0 not at all)."""

    question: str
    source: str
    found_by: str
    confidence: float


@dataclass(frozen=True)
class CellOutcome:
    """How one cell of a submission ended, and what it emitted.

    ``emitted`` maps the number of an assert in the cell, from 1, to the value that the student's
    code gave for it; ``message`` names the exception, without its traceback.

    In an emitted value None, a bool, an int, a finite float, a string and a list stand for
    themselves. All else is a dict with a ``type``::

        {"type": "float", "text": "nan"}                        # or "inf", "-inf"
        {"type": "tuple" | "set", "values": [...]}
        {"type": "dict", "items": [[key, value], ...]}
        {"type": "array" | "tensor", "dtype": "float64", "shape": [2, 3], "values": [...]}  # flat
        {"type": "error", "name": "ValueError", "message": "..."}  # this assert raised
        {"type": "other", "name": "Model"}                      # no value that can be compared
    """

    grade_id: str
    status: str
    emitted: dict[int, Json]
    message: str = ""


@dataclass(frozen=True)
class Assertion:
    """One comparison: what was asked (never the hidden input), and whether it was met."""

    number: int
    met: bool
    reason: str
    hidden: bool


@dataclass(frozen=True)
class CheckScore:
    """Points of one check, and why the others were lost.

    A ``manual`` check has no assertions, and has not run until a grader gave its points.
    """

    grade_id: str
    points: float
    out_of: float
    status: str
    assertions: tuple[Assertion, ...]
    hint: str = ""
    manual: bool = False


@dataclass(frozen=True)
class QuestionScore:
    """Points of one question; ``mistake`` names the misconception its values show, if any."""

    question: str
    points: float
    out_of: float
    checks: tuple[CheckScore, ...]
    mistake: str = ""
