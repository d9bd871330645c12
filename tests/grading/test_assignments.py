"""Every question of every assignment: the solution earns all, the stub nothing, mistakes are named.

The notebooks are the course's own, so their code runs here, in this process.
"""

from __future__ import annotations

import ast
import contextlib
import io
import re
from pathlib import Path

import pytest
import yaml

from coursekit.grading import emitting, matching, probes, release, schema, scoring
from coursekit.grading.records import EXCEPTION, RAN, Answer, CellOutcome

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks" / "assignments"
ASSIGNMENTS = {path.stem: schema.read(path) for path in sorted(FOLDER.glob("*.ipynb"))}
QUESTIONS = [
    pytest.param(assignment, question, id=f"{assignment.name}-{question.name}")
    for assignment in ASSIGNMENTS.values()
    for question in assignment.questions
]
every_assignment = pytest.mark.parametrize("assignment", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
every_question = pytest.mark.parametrize(("assignment", "question"), QUESTIONS)

RIGHT_TOO = {
    ("4_devices", "clipped-gradient"): """
def clipped_gradient(grads, num_tokens, max_norm):
    mean = np.average(grads, axis=0, weights=num_tokens)
    return mean * min(1, max_norm / (np.linalg.norm(mean) + 1e-6))
""",
    ("4_devices", "stale-descent"): """
def stale_descent(start, curvature, learning_rate, delay, steps):
    weights = [start]
    for step in range(steps):
        seen = weights[max(0, step - delay)]
        weights.append(weights[-1] - learning_rate * curvature * seen)
    return np.array(weights, dtype=np.float32)
""",
}
"""Answers as PyTorch gives them: a small number against division by zero, and float32."""


def run(assignment, answers: dict[str, str]) -> dict[str, CellOutcome]:
    """Outcomes, by grade_id, of the assignment with these sources as answers."""
    given = [Answer(name, source, "test", 1.0) for name, source in answers.items()]
    namespace: dict[str, object] = {"__name__": "__main__"}
    outcomes = {}
    for cell in matching.assemble(assignment, given, [])["cells"]:
        name = schema.grade_id(cell)
        if cell["cell_type"] == "code" and name:
            outcomes[name] = _run_cell(name, cell["source"], namespace)
    return outcomes


def _run_cell(name, source, namespace):
    emitted: list[dict] = []
    status, message = RAN, ""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.setattr(emitting, "publish", emitted.append)
        try:
            exec(compile(source, name, "exec"), namespace)
        except Exception as error:
            status, message = EXCEPTION, repr(error)
    return CellOutcome(name, status, {one["number"]: one["value"] for one in emitted}, message)


def solutions(assignment):
    cells = {schema.grade_id(cell): cell["source"] for cell in assignment.notebook["cells"]}
    return {question.name: cells[question.answer_id] for question in assignment.questions}


def stubs(assignment):
    return {name: release.stub(source) for name, source in solutions(assignment).items()}


@pytest.fixture(scope="module")
def references():
    """Of each assignment, what its solution and all of its mistakes emit."""
    return {name: reference(assignment) for name, assignment in ASSIGNMENTS.items()}


def reference(assignment):
    solved = solutions(assignment)
    mistakes = {
        question.name: {
            mistake.name: run(assignment, solved | {question.name: mistake.source})
            for mistake in question.mistakes
        }
        for question in assignment.questions
    }
    return scoring.Reference(run(assignment, solved), mistakes)


def test_there_is_an_assignment_for_every_part_of_the_course():
    parts = yaml.safe_load((ROOT / "book" / "course.yml").read_text())["parts"]
    covered = [one.notebook["metadata"]["coursekit"]["part"] for one in ASSIGNMENTS.values()]
    assert covered == [part["title"] for part in parts]
    assert [assignment.name for assignment in ASSIGNMENTS.values()] == list(ASSIGNMENTS)


@every_question
def test_the_solution_earns_every_point_and_the_stub_none(assignment, question, references):
    known = references[assignment.name]
    scoring.verify(question, known.solved)
    solved = scoring.score(question, known.solved, known)
    blank = scoring.score(question, run(assignment, stubs(assignment)), known)
    assert solved.points == solved.out_of >= 2
    assert blank.points == 0
    assert 2 <= solved.out_of <= 6


@pytest.mark.parametrize(("name", "question"), RIGHT_TOO)
def test_an_answer_as_pytorch_gives_it_earns_every_point_too(name, question, references):
    assignment, known = ASSIGNMENTS[name], references[name]
    outcomes = run(assignment, solutions(assignment) | {question: RIGHT_TOO[name, question]})
    (asked,) = [one for one in assignment.questions if one.name == question]
    scored = scoring.score(asked, outcomes, known)
    assert scored.points == scored.out_of


@every_question
def test_every_value_of_the_solution_can_be_compared(assignment, question, references):
    emitted = [
        references[assignment.name].solved[check.grade_id].emitted for check in question.checks
    ]
    assert '"other"' not in str(emitted).replace("'", '"')


@every_question
def test_each_mistake_fails_and_is_named(assignment, question, references):
    known = references[assignment.name]
    assert len(question.mistakes) >= 3
    for mistake in question.mistakes:
        outcomes = known.mistakes[question.name][mistake.name]
        scored = scoring.score(question, outcomes, known)
        assertions = [one for check in scored.checks for one in check.assertions]
        assert scored.points < scored.out_of
        assert not all(one.met for one in assertions if one.hidden), mistake.name
        assert scored.mistake == mistake.name
        assert {check.hint for check in scored.checks} - {""} == {mistake.hint}
        others = [q for q in assignment.questions if q is not question]
        scores = [scoring.score(other, outcomes, known) for other in others]
        assert all(score.points == score.out_of for score in scores), "it costs another question"


@every_question
def test_every_verdict_is_the_grader_s_and_every_assert_says_what_it_asks(assignment, question):
    names = schema.answer_names(assignment)
    for check in question.checks:
        emissions = probes.probe(check.source, answers=names).emissions
        assert not [one.text for one in emissions if one.in_kernel]
        asked = scoring.asked(check).values()
        hidden = [what for what in asked if what.hidden]
        assert len(hidden) >= 2
        messages = [
            node.msg for node in ast.walk(ast.parse(check.source)) if isinstance(node, ast.Assert)
        ]
        assert all(isinstance(message, ast.Constant) for message in messages)


@every_assignment
def test_other_hidden_inputs_give_the_same_verdicts(assignment):
    """Whatever the seed, a solution passes nbgrader's asserts and no mistake does."""
    for seed in (1, 2):
        other = schema.reseeded(assignment, seed)
        solved = solutions(other)
        namespace: dict[str, object] = {"__name__": "__main__"}
        checks = {
            check.grade_id: question for question in other.questions for check in question.checks
        }
        for cell in other.notebook["cells"]:
            name = schema.grade_id(cell)
            if cell["cell_type"] != "code" or not name:
                continue
            assert _run_cell(name, cell["source"], namespace).status == RAN
            for mistake in checks[name].mistakes if name in checks else ():
                wrong = dict(namespace)
                exec(mistake.source, wrong)
                assert _run_cell(name, cell["source"], wrong).status == EXCEPTION, mistake.name
        known = reference(other)
        for question in other.questions:
            scoring.verify(question, known.solved)
            assert scoring.score(question, known.solved, known).points
        assert solved == solutions(assignment)


@every_assignment
def test_what_a_stub_and_a_heading_promise_is_so(assignment):
    cells = {schema.grade_id(cell): cell for cell in assignment.notebook["cells"]}
    text = "\n".join(cell["source"] for cell in assignment.notebook["cells"])
    total = 0
    for question in assignment.questions:
        source = cells[question.answer_id]["source"]
        solution = source.split("### BEGIN SOLUTION\n")[1].split("### END SOLUTION")[0]
        lines = [line for line in solution.splitlines() if line.strip()]
        assert int(re.search(r"takes (\d+) lines?\.", source)[1]) == len(lines)
        points = sum(check.points for check in question.checks)
        total += points
        assert f"## {question.title} ({points:g} points)" in text
        tree = ast.parse(release.stub(source))
        functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        assert all(re.search(r"returns:", ast.get_docstring(one) or "") for one in functions)
    assert f"worth {total:g} points" in text
