"""What ``coursekit release`` and ``coursekit grade`` do, without their words on a terminal."""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from ..errors import CourseError, MissingPackageError
from ..notebooks import repository
from ..notebooks.files import replace_file
from . import cluster, gradebook, isolation, lateness, reports, running, schema
from .grade import Progress, Run, checks, grade
from .limits import Limits
from .records import Assignment
from .release import release
from .results import Results
from .store import Store, writing

FOLDER = "notebooks/assignments"


@dataclass(frozen=True)
class Order:
    """A grading as it was asked for on the command line."""

    places: Sequence[Path]
    assignment: str
    out: Path
    isolation: str = "auto"
    jobs: int = 1
    scheduler: str = ""
    late: str = ""
    manual: Path | None = None
    seed: int | None = None
    limits: Limits = field(default_factory=Limits)


def find_assignment(name: str) -> Assignment:
    """The assignment whose solved notebook is the file ``name``, or that the course calls so.

    Raises
    ------
    CourseError
        When there is none, or it needs a package that is not installed.
    """
    path = Path(name)
    if not path.is_file():
        folder = repository.find_root(Path.cwd()) / FOLDER
        path = folder / f"{name}.ipynb"
        if not path.is_file():
            known = ", ".join(sorted(one.stem for one in folder.glob("*.ipynb"))) or "none"
            raise CourseError(f"there is no assignment {name!r}; the course has {known}.")
    return schema.read(path)


def release_all(names: Sequence[str], out: Path) -> list[Path]:
    """Write the student copies of the assignments ``names`` into ``out``; return their paths."""
    written = []
    for name in names:
        assignment = find_assignment(name)
        copy = release(assignment, address=_address())
        path = out / f"{assignment.name}.ipynb"
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
            replace_file(path, json.dumps(copy, indent=1, ensure_ascii=False) + "\n")
        written.append(path)
    return written


def grade_all(order: Order, on_progress: Progress) -> Results:
    """Grade and write every report. What ran before is not run again.

    Raises
    ------
    CourseError
        When the order cannot be carried out.
    """
    assignment = find_assignment(order.assignment)
    if order.seed is not None:
        assignment = schema.reseeded(assignment, order.seed)
    _needs(assignment)
    late = lateness.parse(order.late) if order.late else None
    own_manual = order.out / reports.MANUAL
    manual = order.manual or own_manual
    by_hand = {}
    if order.manual or manual.is_file():
        by_hand = gradebook.read_by_hand(manual, assignment)
    if order.scheduler:
        chosen = cluster.choose(order.scheduler, order.isolation)
    else:
        chosen = isolation.choose(order.isolation)
    settings = [chosen.name, asdict(order.limits)]
    store = Store(order.out / "runs", settings=settings, checks=checks(assignment))
    results = grade(
        order.places,
        assignment,
        store,
        run=_runner(order, chosen.name),
        isolation=chosen.sentence,
        safe=chosen.safe,
        late=late,
        by_hand=by_hand,
        on_progress=on_progress,
    )
    own = manual.resolve() == own_manual.resolve()
    reports.write(order.out, results, assignment, by_hand if own else None)
    return results


def _runner(order: Order, isolation_name: str) -> Run:
    limits = order.limits
    if order.scheduler:
        return partial(
            cluster.run, address=order.scheduler, isolation=isolation_name, limits=limits
        )
    return partial(running.run, isolation=isolation_name, limits=limits, jobs=order.jobs)


def _needs(assignment: Assignment) -> None:
    """Make sure that what the solved notebook imports is installed.

    Raises
    ------
    MissingPackageError
        When something is not; it names the first.
    """
    for cell in assignment.notebook["cells"]:
        if cell["cell_type"] == "code":
            for name in _imports(cell["source"]):
                if importlib.util.find_spec(name) is None:
                    raise MissingPackageError(
                        f"assignment {assignment.name!r} imports {name}, which is not installed "
                        "where submissions are to run; install it and grade again."
                    )


def _imports(source: str) -> list[str]:
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:  # a line for IPython
        return []
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    tops = {name.partition(".")[0] for name in names}
    return sorted(tops - set(sys.stdlib_module_names) - {""})


def _address() -> str:
    """Public address of the repository; empty outside it."""
    try:
        return repository.address(repository.find_root(Path.cwd()))
    except CourseError:
        return ""
