"""Grading from end to end: files in, results out, and every run kept on the way.

The steps are those of `records`. What a student's code gave is kept in the folder ``runs`` (see
`store`); all that follows from it is worked out anew each time, which takes no time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CourseError
from . import matching, probes, schema, submissions
from .gradebook import ByHand
from .lateness import LateRule
from .records import Answer, Assignment, CellOutcome, Question
from .results import Graded, QuestionAbout, Results
from .scoring import Reference, score, verify
from .store import Store
from .submissions import Submission

Run = Callable[[Mapping[str, Any]], Iterable[tuple[str, list[CellOutcome]]]]
"""Runs notebooks by name and yields each one's outcomes when it is done: `running.run`, bound."""

Progress = Callable[[int, int], None]
"""Told how many notebooks are done, and how many there are."""


@dataclass(frozen=True)
class Prepared:
    """A submission and the notebook that runs for it; none where it could not be read."""

    submission: Submission
    answers: tuple[Answer, ...] = ()
    notebook: Any = None


def grade(
    places: Sequence[Path],
    assignment: Assignment,
    store: Store,
    *,
    run: Run,
    isolation: str,
    safe: bool,
    late: LateRule | None = None,
    by_hand: Mapping[tuple[str, str], ByHand] | None = None,
    on_progress: Progress = lambda done, total: None,
) -> Results:
    """Grade the submissions in ``places``. What ``store`` knows does not run again.

    ``isolation`` says in a sentence how ``run`` keeps students' code apart, ``safe`` whether that
    is the full isolation.

    Raises
    ------
    CourseError
        When there is no submission, or the solved notebook gives no reference.
    """
    found = submissions.find(places)
    prepared = [_prepare(submission, assignment) for submission in found]
    solved, mistaken = _solved_and_mistaken(assignment)
    notebooks = [one.notebook for one in prepared if one.notebook is not None]
    others = [*mistaken.values(), *notebooks]
    _run_missing(assignment, solved, others, store, run, on_progress)
    reference = Reference(
        store.outcomes(solved),
        {
            question.name: {
                mistake.name: store.outcomes(mistaken[question.name, mistake.name])
                for mistake in question.mistakes
            }
            for question in assignment.questions
        },
    )
    return Results(
        assignment=assignment.name,
        title=_title(assignment),
        questions=tuple(_about(question) for question in assignment.questions),
        graded=tuple(
            _graded(one, assignment, store, reference, late, by_hand or {}) for one in prepared
        ),
        isolation=isolation,
        safe=safe,
        in_kernel=tuple(in_kernel(assignment)),
    )


def checks(assignment: Assignment) -> list[str]:
    """Ids of the checks of ``assignment`` that run."""
    return [
        check.grade_id
        for question in assignment.questions
        for check in question.checks
        if not check.manual
    ]


def in_kernel(assignment: Assignment) -> Iterator[str]:
    """Assertions whose verdict comes from the student's kernel, as "check, assertion number"."""
    names = schema.answer_names(assignment)
    for question in assignment.questions:
        for check in question.checks:
            if not check.manual:
                for what in probes.probe(check.source, answers=names).emissions:
                    if what.in_kernel:
                        yield f"{check.grade_id}, assertion {what.number}"


def _prepare(submission: Submission, assignment: Assignment) -> Prepared:
    if submission.problem:
        return Prepared(submission)
    try:
        notebook = submissions.read(submission.path)
        found = matching.find_answers(assignment, notebook)
        _is_of(assignment, notebook, found.answers)
        return Prepared(
            submission,
            found.answers,
            matching.assemble(assignment, found.answers, found.extras),
        )
    except CourseError as error:
        return Prepared(Submission(**{**vars(submission), "problem": str(error)}))


def _is_of(assignment: Assignment, notebook: Any, answers: Sequence[Answer]) -> None:
    about = notebook["metadata"].get("coursekit")
    name = about.get("assignment") if isinstance(about, dict) else None
    if isinstance(name, str) and name != assignment.name:
        raise CourseError(f"it is a copy of {name[:60]!r}, not of {assignment.name!r}")
    if not any(answer.confidence for answer in answers):
        raise CourseError(
            f"no cell answers a question of {assignment.name!r}; is it of another assignment?"
        )


def _solved_and_mistaken(assignment: Assignment) -> tuple[Any, dict[tuple[str, str], Any]]:
    """The solved notebook, and by question and mistake one with each known mistake in it."""
    solved = matching.assemble(assignment, _solved(assignment), [])
    return solved, {
        (question.name, mistake.name): matching.assemble(
            assignment, _solved(assignment, **{question.name: mistake.source}), []
        )
        for question in assignment.questions
        for mistake in question.mistakes
    }


def _solved(assignment: Assignment, **instead: str) -> list[Answer]:
    sources = {schema.grade_id(cell): cell["source"] for cell in assignment.notebook["cells"]}
    return [
        Answer(question.name, instead.get(question.name, sources[question.answer_id]), "", 1.0)
        for question in assignment.questions
    ]


def _run_missing(
    assignment: Assignment,
    solved: Any,
    others: Sequence[Any],
    store: Store,
    run: Run,
    on_progress: Progress,
) -> None:
    """Run what the store does not know, equal notebooks once, and keep each as it is done.

    The solved notebook comes first, and is kept only if it gives a reference for everything. All
    go through one call of ``run``, because to start its sessions takes longer than many notebooks.
    """
    whole = {store.name(notebook): notebook for notebook in [solved, *others]}
    missing = {
        name: shorter
        for name, notebook in whole.items()
        if (shorter := store.missing(notebook)) is not None
    }
    done = len(whole) - len(missing)
    on_progress(done, len(whole))
    if store.name(solved) not in missing:
        _verify(assignment, store.outcomes(solved))
    for name, outcomes in run(missing) if missing else ():
        if name == store.name(solved):
            _verify(assignment, store.outcomes(solved) | {one.grade_id: one for one in outcomes})
        store.keep(whole[name], outcomes)
        done += 1
        on_progress(done, len(whole))


def _verify(assignment: Assignment, solved: Mapping[str, CellOutcome]) -> None:
    for question in assignment.questions:
        verify(question, solved)


def _graded(
    one: Prepared,
    assignment: Assignment,
    store: Store,
    reference: Reference,
    late: LateRule | None,
    by_hand: Mapping[tuple[str, str], ByHand],
) -> Graded:
    submission = one.submission
    who = (submission.student, submission.file, submission.number)
    if submission.problem:
        return Graded(*who, problem=submission.problem)
    outcomes = store.outcomes(one.notebook)
    answers = {answer.question: answer for answer in one.answers}
    given = {
        check: own.points
        for (student, check), own in by_hand.items()
        if student == submission.student and own.points is not None
    }
    days = late.days(submission.path) if late else 0
    return Graded(
        *who,
        answers=one.answers,
        questions=tuple(
            score(
                question,
                outcomes,
                reference,
                answer=answers[question.name],
                manual=given,
            )
            for question in assignment.questions
        ),
        days_late=days,
        share_lost=late.share_lost(days) if late else 0.0,
        comments={check: by_hand[submission.student, check].comment for check in given},
    )


def _title(assignment: Assignment) -> str:
    texts = [c["source"] for c in assignment.notebook["cells"] if c["cell_type"] == "markdown"]
    lines = [line for text in texts for line in text.split("\n") if line.startswith("# ")]
    return lines[0].removeprefix("# ").strip() if lines else assignment.name


def _about(question: Question) -> QuestionAbout:
    return QuestionAbout(
        name=question.name,
        title=question.title,
        out_of=sum(check.points for check in question.checks),
        hints={mistake.name: mistake.hint for mistake in question.mistakes},
    )
