"""The whole class on one page: by question, by misconception, by student."""

from __future__ import annotations

import statistics
import textwrap
from collections import Counter
from typing import Any

from . import feedback, gradebook
from .records import RAN
from .results import Graded, Results
from .scoring import ENDED

LONGEST_NAME = 26  # characters of a question's title beside its bar


def page(results: Results) -> str:
    """The summary as HTML, with links to the students' pages in ``feedback/``."""
    marked = [one for one in results.graded if not one.problem]
    points = [one.points for one in marked]
    return feedback.render(
        "class_summary.html",
        results=results,
        marked=marked,
        mean=statistics.fmean(points) if points else 0.0,
        median=statistics.median(points) if points else 0.0,
        figure=_figure(results, marked) if marked else "",
        by_question=[_of_question(results, marked, at) for at in range(len(results.questions))],
        mistakes=_mistakes(results, marked),
        troubles=_troubles(marked),
        students=[_of_student(one) for one in results.graded],
    )


def _of_question(results: Results, marked: list[Graded], at: int) -> dict[str, Any]:
    about = results.questions[at]
    scores = [one.questions[at] for one in marked]
    return {
        "title": about.title,
        "out_of": about.out_of,
        "mean": statistics.fmean(score.points for score in scores) if scores else 0.0,
        "full": sum(score.points == score.out_of for score in scores),
        "none": sum(score.points == 0 for score in scores),
    }


def _mistakes(results: Results, marked: list[Graded]) -> list[dict[str, Any]]:
    seen = Counter(
        (score.question, score.mistake)
        for one in marked
        for score in one.questions
        if score.mistake
    )
    rows = [
        {
            "title": about.title,
            "hint": about.hints[mistake],
            "students": seen[about.name, mistake],
        }
        for about in results.questions
        for mistake in about.hints
        if seen[about.name, mistake]
    ]
    return sorted(rows, key=lambda row: -int(row["students"]))


def _troubles(marked: list[Graded]) -> list[tuple[str, int]]:
    seen = Counter(
        check.status
        for one in marked
        for score in one.questions
        for check in score.checks
        if not check.manual and check.status != RAN
    )
    return [(what, seen[status]) for status, what in ENDED.items() if seen[status]]


def _of_student(graded: Graded) -> dict[str, Any]:
    return {
        "student": graded.student,
        "page": feedback.file_name(graded.student),
        "points": None if graded.problem else graded.points,
        "note": f"not graded: {graded.problem}" if graded.problem else gradebook.note(graded),
    }


def _figure(results: Results, marked: list[Graded]) -> Any:
    """Share of the points earned, a bar a question, as HTML that may stand in a page as it is."""
    from markupsafe import Markup

    from ..figures import axes, plot_bars, show

    rows = [_of_question(results, marked, at) for at in range(len(results.questions))]
    shares = [row["mean"] / row["out_of"] if row["out_of"] else 0.0 for row in rows]
    lowest = min(range(len(rows)), key=shares.__getitem__)
    names = [textwrap.shorten(row["title"], LONGEST_NAME, placeholder="…") for row in rows]
    ax = plot_bars(axes(0.8 + 0.45 * len(rows)), names, shares, label="share of the points earned")
    ax.set_xlim(0, 1.2)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    ax.set_title(f"Fewest points were earned on “{rows[lowest]['title']}”", loc="left")
    return Markup(show(ax)._repr_mimebundle_()["text/html"])
