"""One small assignment, written by hand, for the tests of what happens after a run."""

from coursekit.grading.records import (
    RAN,
    Answer,
    Assignment,
    CellOutcome,
    Check,
    Mistake,
    Question,
)
from coursekit.grading.results import Graded, QuestionAbout, Results
from coursekit.grading.scoring import Reference, score

MEAN_CHECK = """\
assert mean([1, 2]) == 1.5, "the mean of two numbers"
assert mean([4]) == 4
### BEGIN HIDDEN TESTS
assert mean([7, 77, 777]) == 287, "the mean of unseen numbers"
assert mean([70, 7070]) == 3570
### END HIDDEN TESTS
"""

MEAN = Question(
    name="mean",
    title="The mean",
    answer_id="mean_answer",
    checks=(
        Check("mean_check", 4.0, MEAN_CHECK),
        Check("mean_words", 1.0, "", manual=True),
    ),
    mistakes=(
        Mistake("sum", "The sum was not divided by the count.", "def mean(x): return sum(x)"),
        Mistake("first", "Only the first number counts here.", "def mean(x): return x[0]"),
    ),
)
SPREAD = Question(
    name="spread",
    title="The spread",
    answer_id="spread_answer",
    checks=(Check("spread_check", 2.0, "assert spread([1, 3]) == 2\nassert spread([5]) == 0"),),
)
ASSIGNMENT = Assignment("warm_up", {"cells": []}, (MEAN, SPREAD))


def outcome(grade_id, *values, status=RAN, message=""):
    return {grade_id: CellOutcome(grade_id, status, dict(enumerate(values, start=1)), message)}


def run_of(mean=(1.5, 4, 287.0, 3570.0), spread=(2, 0)):
    return (
        outcome("mean_answer")
        | outcome("spread_answer")
        | outcome("mean_check", *mean)
        | outcome("spread_check", *spread)
    )


REFERENCE = Reference(
    solved=run_of(),
    mistakes={
        "mean": {"sum": run_of((3, 4, 861, 7140)), "first": run_of((1, 4, 7, 70))},
        "spread": {},
    },
)
FOUND = {name: Answer(name, f"def {name}(x): ...", "id", 1.0) for name in ("mean", "spread")}

FORMULA = "=cmd|' /C calc'!A0"


def graded(student, run, *, words=None, **more):
    manual = {} if words is None else {"mean_words": words}
    questions = tuple(score(one, run, REFERENCE, manual=manual) for one in (MEAN, SPREAD))
    more = {"answers": tuple(FOUND.values())} | more
    return Graded(student, f"{student}.ipynb", questions=questions, **more)


def results(*students):
    questions = tuple(
        QuestionAbout(
            one.name,
            one.title,
            sum(check.points for check in one.checks),
            {mistake.name: mistake.hint for mistake in one.mistakes},
        )
        for one in ASSIGNMENT.questions
    )
    return Results(
        "warm_up", "Warm-up", questions, students, "Everything ran in bubblewrap.", safe=True
    )


CLASS = results(
    graded("ada", run_of(), words=1.0, number="4711"),
    graded(FORMULA, run_of((3, 4, 861, 7140)), days_late=2, share_lost=0.2),
    graded(
        "bob",
        run_of(spread=(2, 1)),
        answers=(Answer("mean", "", "name", 0.8), Answer("spread", "", "not found", 0.0)),
    ),
    Graded("eve", "eve.ipynb", problem="it is a link, not a file"),
)
