"""Tables for people and for learning platforms, and the table of points given by hand.

A cell that a spreadsheet would take for a formula is written with an apostrophe in front.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import CourseError
from .records import NOT_RUN, Assignment, CheckScore
from .results import Graded, Results

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
BY_HAND = ("student", "check", "points", "out_of", "comment")


@dataclass(frozen=True)
class ByHand:
    """What a grader gave for one manual check; ``points`` are None where only a comment stands."""

    points: float | None
    comment: str


def gradebook(results: Results) -> str:
    """One row a student, one column a question."""
    names = [question.name for question in results.questions]
    header = ["student", *names, "days_late", "deducted", "points", "out_of", "note"]
    rows: list[Sequence[object]] = []
    for one in results.graded:
        if one.problem:
            empty = [""] * (len(names) + 3)
            rows.append([one.student, *empty, results.out_of, f"not graded: {one.problem}"])
            continue
        points = [question.points for question in one.questions]
        totals = [one.days_late, one.deducted, one.points, results.out_of]
        rows.append([one.student, *points, *totals, note(one)])
    return table(header, rows)


def note(graded: Graded) -> str:
    """What a person should look at in this student's result; empty when there is nothing."""
    waiting = len(waiting_for_a_grader(graded))
    unsure = [answer.question for answer in graded.answers if 0 < answer.confidence < 1]
    missing = [answer.question for answer in graded.answers if not answer.confidence]
    parts = [
        f"waits for points by hand: {waiting}" if waiting else "",
        f"answer found with less than certainty: {', '.join(unsure)}" if unsure else "",
        f"no answer found: {', '.join(missing)}" if missing else "",
    ]
    return "; ".join(part for part in parts if part)


def moodle(results: Results) -> str:
    """Moodle's worksheet for offline grading; also fits its import of grades from CSV.

    ``Identifier`` is known only when the files came in the folders that Moodle makes.
    """
    header = ["Identifier", "Full name", "Grade", "Maximum Grade", "Feedback comments"]
    rows = [
        [
            f"Participant {one.number}" if one.number else "",
            one.student,
            one.points,
            results.out_of,
            note(one),
        ]
        for one in results.graded
        if not one.problem
    ]
    return table(header, rows)


def canvas(results: Results) -> str:
    """Canvas's import of grades; ``ID`` is known only when the files carry Canvas's names."""
    header = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", results.assignment]
    rows: list[Sequence[object]] = [["    Points Possible", "", "", "", "", results.out_of]]
    for one in results.graded:
        if not one.problem:
            login = "" if one.number else one.student
            rows.append([one.student, one.number, "", login, "", one.points])
    return table(header, rows)


def by_hand_form(results: Results, known: Mapping[tuple[str, str], ByHand]) -> str:
    """A row for each manual check of each student, with what was given so far.

    What was given to students who are not among these results stays, in rows at the end.
    """
    rows: list[Sequence[object]] = []
    left = dict(known)
    for one in results.graded:
        for check in _checks(one):
            if check.manual:
                given = left.pop((one.student, check.grade_id), ByHand(None, ""))
                row = [one.student, check.grade_id, given.points, check.out_of, given.comment]
                rows.append(row)
    rows += [
        [student, check, given.points, None, given.comment]
        for (student, check), given in sorted(left.items())
    ]
    return table(BY_HAND, rows)


def read_by_hand(path: Path, assignment: Assignment) -> dict[tuple[str, str], ByHand]:
    """Points and comments that a grader filled in, by student and check; not rows without both.

    Raises
    ------
    CourseError
        When the file is no such table, a check is not a manual one of ``assignment``, points are no
        number between 0 and what the check is worth, or two rows are filled in for one check of a
        student.
    """
    worth = {
        check.grade_id: check.points
        for question in assignment.questions
        for check in question.checks
        if check.manual
    }
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CourseError(f"{path} cannot be read as a table of points ({error}).") from None
    found: dict[tuple[str, str], ByHand] = {}
    for number, row in enumerate(rows, start=2):
        where = f"{path}, line {number}"
        if set(row) != set(BY_HAND):
            raise CourseError(
                f"{where}: the columns have to be {', '.join(BY_HAND)}, and no other; "
                "a comment with a comma in it stands in double quotes."
            )
        check, points, comment = row["check"] or "", (row["points"] or "").strip(), row["comment"]
        if check not in worth:
            raise CourseError(
                f"{where}: {check!r} is no check by hand of {assignment.name!r}; "
                f"there is {', '.join(worth) or 'none'}."
            )
        if points or comment:
            student = _without_apostrophe(row["student"] or "")
            if (student, check) in found:
                raise CourseError(
                    f"{where}: {check!r} of {student!r} is filled in for the second time; "
                    "keep one of the rows."
                )
            given = _points(points, worth[check], where) if points else None
            found[student, check] = ByHand(given, _without_apostrophe(comment or ""))
    return found


def waiting_for_a_grader(graded: Graded) -> list[str]:
    """Ids of the manual checks without points yet."""
    return [check.grade_id for check in _checks(graded) if check.manual and check.status == NOT_RUN]


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV text, its lines ended as RFC 4180 has them; no cell of it is a formula."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([_plain(cell) for cell in header])
    writer.writerows([[_plain(cell) for cell in row] for row in rows])
    return buffer.getvalue()


def _checks(graded: Graded) -> list[CheckScore]:
    return [check for question in graded.questions for check in question.checks]


def _plain(cell: object) -> str:
    if isinstance(cell, (int, float)):
        return f"{cell:.10g}"
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _without_apostrophe(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:].startswith(FORMULA_STARTS) else text


def _points(text: str, worth: float, where: str) -> float:
    try:
        points = float(text.replace(",", "."))
    except ValueError:
        points = math.nan
    if not 0 <= points <= worth:
        raise CourseError(f"{where}: {text!r} are no points between 0 and {worth:g}.")
    return points
