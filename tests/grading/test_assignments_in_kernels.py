"""What the course's assignments emit in real kernels is what they emit in `test_assignments`."""

from __future__ import annotations

import pytest

from coursekit.grading import matching, running
from coursekit.grading.comparing import difference
from coursekit.grading.records import RAN, Answer

from .test_assignments import ASSIGNMENTS, run, solutions

LAST_BITS = 1e-12  # a sum of products depends on where its arrays lie in memory


@pytest.mark.slow
def test_solutions_emit_the_same_in_an_isolated_kernel():
    notebooks = {
        name: matching.assemble(
            assignment,
            [Answer(one, source, "test", 1.0) for one, source in solutions(assignment).items()],
            [],
        )
        for name, assignment in ASSIGNMENTS.items()
    }
    ran = dict(running.run(notebooks))
    assert ran.keys() == ASSIGNMENTS.keys()
    for name, outcomes in ran.items():
        here = run(ASSIGNMENTS[name], solutions(ASSIGNMENTS[name]))
        assert [outcome.grade_id for outcome in outcomes] == list(here)
        for outcome in outcomes:
            assert outcome.status == RAN, outcome
            expected = here[outcome.grade_id].emitted
            assert outcome.emitted.keys() == expected.keys()
            assert [
                found
                for number, value in outcome.emitted.items()
                if (found := difference(value, expected[number], tolerance=LAST_BITS))
            ] == []
