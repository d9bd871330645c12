"""One page a student: what earned points, and why the rest did not.

The page is one file that asks for nothing and runs no script. All that came from a student is
escaped. Inputs of hidden checks are not on it: `scoring` keeps them out of every reason.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import Any

from ..errors import MissingPackageError
from .records import CRASH, EXCEPTION, FLOOD, MEMORY, NOT_RUN, TIMEOUT, Answer
from .results import Graded, Results

TROUBLE = {
    EXCEPTION: "The check could not be carried through, because your code raised an exception.",
    TIMEOUT: "Your code took longer than it may, so it was stopped here. Look for a loop that "
    "does not end, or for work that grows too fast.",
    CRASH: "Your code ended the Python process here, so this check could not be finished.",
    MEMORY: "Your code asked for more memory than it may use.",
    FLOOD: "Your code printed more than it may, so it was stopped. Look for a print in a loop.",
    NOT_RUN: "This check was not run.",
}

PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,60}")


def file_name(student: str) -> str:
    """A name for the student's page that is safe on every disk, and differs from all others."""
    if PLAIN.fullmatch(student):
        return f"{student}.html"
    readable = re.sub(r"[^a-z0-9]+", "-", student.lower()).strip("-")[:40] or "student"
    return f"{readable}-{hashlib.sha256(student.encode()).hexdigest()[:8]}.html"


def page(results: Results, graded: Graded) -> str:
    """The feedback page of one student, as HTML.

    Raises
    ------
    MissingPackageError
        When Jinja is not installed.
    """
    answers = {answer.question: answer for answer in graded.answers}
    titles = {question.name: question.title for question in results.questions}
    parts = [
        {
            "title": titles[score.question],
            "score": score,
            "hints": sorted({check.hint for check in score.checks if check.hint}),
            "found": _found(answers.get(score.question)),
            "source": getattr(answers.get(score.question), "source", "").strip(),
        }
        for score in graded.questions
    ]
    return render(
        "feedback.html",
        title=results.title,
        graded=graded,
        out_of=results.out_of,
        parts=parts,
        trouble=TROUBLE,
    )


def render(template: str, **values: Any) -> str:
    """A page from ``templates``, everything in it escaped."""
    return str(_templates().get_template(template).render(values))


@cache
def _templates() -> Any:
    try:
        import jinja2
    except ImportError:
        raise MissingPackageError(
            "feedback pages need Jinja, which is not installed; install the extra 'grading'."
        ) from None
    templates = jinja2.Environment(
        loader=jinja2.PackageLoader("coursekit.grading"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters["points"] = lambda points: f"{round(points, 2):.10g}"
    return templates


def _found(answer: Answer | None) -> str:
    if answer is None or answer.confidence == 1:
        return ""
    if not answer.confidence:
        return "No cell of the notebook answers this question."
    return (
        f"The cell below was taken as your answer ({answer.found_by}, "
        f"{answer.confidence:.0%} sure). If it is the wrong one, tell your instructor."
    )
