"""Let nbgrader generate, validate and autograde a course; run in an environment that has it.

    python grade_with_nbgrader.py COURSE

COURSE holds ``source/NAME/NAME.ipynb`` and ``submitted/STUDENT/NAME/NAME.ipynb``. Student copies
are left in ``release``, and ``scores.json`` maps ``NAME/STUDENT/GRADE_ID`` to points.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from nbgrader.apps import NbGraderAPI
from nbgrader.validator import Validator
from traitlets.config import Config


def main(course: Path) -> None:
    config = Config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.db_url = f"sqlite:///{course / 'gradebook.db'}"
    api = NbGraderAPI(config=config)
    scores = {}
    for source in sorted((course / "source").glob("*/*.ipynb")):
        name = source.stem
        found = Validator(config=config).validate(str(source))
        if found:
            raise SystemExit(f"nbgrader validate finds fault with {source}: {found}")
        _done(api.generate_assignment(name, force=True, create=True))
        for student in sorted(
            path.parent.name for path in (course / "submitted").glob(f"*/{name}")
        ):
            _done(api.autograde(name, student, force=True, create=True))
            with api.gradebook as gradebook:
                notebook = gradebook.find_submission_notebook(name, name, student)
                for grade in notebook.grades:
                    scores[f"{name}/{student}/{grade.cell.name}"] = grade.auto_score
    (course / "scores.json").write_text(json.dumps(scores))


def _done(result: dict) -> None:
    if not result["success"]:
        raise SystemExit(result["log"] + result.get("error", ""))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
