"""What a grading found, as one record and as ``results.json``: the same bytes every time.

There is no time, no path of this machine and no number of jobs in it; students are sorted by name
and points are rounded, so that grading again, or in parallel, gives the same file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from .records import Answer, QuestionScore
from .scoring import PLACES
from .store import canonical

FORMAT = 1


@dataclass(frozen=True)
class Graded:
    """One student's result. ``problem`` says why there is none; the rest is empty then.

    ``comments`` are a grader's own, by the id of the manual check.
    """

    student: str
    file: str
    number: str = ""
    problem: str = ""
    answers: tuple[Answer, ...] = ()
    questions: tuple[QuestionScore, ...] = ()
    days_late: int = 0
    share_lost: float = 0.0
    comments: Mapping[str, str] = field(default_factory=dict)

    @property
    def earned(self) -> float:
        """Points before the late rule."""
        return round(sum(question.points for question in self.questions), PLACES)

    @property
    def deducted(self) -> float:
        """Points that the late rule took."""
        return round(self.earned * self.share_lost, PLACES)

    @property
    def points(self) -> float:
        """Points in the end."""
        return round(self.earned - self.deducted, PLACES)


@dataclass(frozen=True)
class QuestionAbout:
    """A question as the reports show it; ``hints`` maps its mistakes to the sentence for each."""

    name: str
    title: str
    out_of: float
    hints: Mapping[str, str]


@dataclass(frozen=True)
class Results:
    """A grading of one assignment, ``title`` as people read it.

    ``isolation`` says in a sentence how the students' code was kept apart, and ``safe`` whether
    that is the full isolation. ``in_kernel`` lists the assertions, as "check, number", whose
    verdict comes from the student's own kernel and can be forged there.
    """

    assignment: str
    title: str
    questions: tuple[QuestionAbout, ...]
    graded: tuple[Graded, ...]
    isolation: str
    safe: bool
    in_kernel: tuple[str, ...] = ()

    @property
    def out_of(self) -> float:
        """Points of the whole assignment."""
        return round(sum(question.out_of for question in self.questions), PLACES)

    @property
    def unread(self) -> list[Graded]:
        """Submissions that could not be graded."""
        return [one for one in self.graded if one.problem]


def to_json(results: Results) -> str:
    """The text of ``results.json``. Answers appear by how they were found, not by their code."""
    return canonical(
        {
            "format": FORMAT,
            "assignment": results.assignment,
            "title": results.title,
            "out_of": results.out_of,
            "isolation": results.isolation,
            "judged_in_kernel": list(results.in_kernel),
            "questions": [asdict(question) for question in results.questions],
            "submissions": [_plain(one) for one in results.graded],
        }
    )


def _plain(graded: Graded) -> dict[str, Any]:
    plain = asdict(graded)
    for answer in plain["answers"]:
        del answer["source"]
        answer["confidence"] = round(answer["confidence"], 2)
    totals = {"earned": graded.earned, "deducted": graded.deducted, "points": graded.points}
    return plain | ({} if graded.problem else totals)
