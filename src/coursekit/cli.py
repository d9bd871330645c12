"""The ``coursekit`` command."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from .errors import CourseError, MissingPackageError
from .grading.limits import Limits
from .notebooks import execution, problems, repository

ERRORS = Console(stderr=True, highlight=False, soft_wrap=True)
STDOUT = Path("-")


class Command(click.Group):
    """Turns a mistake of the user into one sentence and exit code 2."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; report a `CourseError` without a traceback."""
        try:
            return super().invoke(ctx)
        except CourseError as error:
            ERRORS.print(f"coursekit: {error}", markup=False)
            raise SystemExit(2) from None


@click.group(cls=Command)
@click.version_option(package_name="batch-by-batch", message="coursekit %(version)s")
def main() -> None:
    """Work on the notebooks of Batch by Batch.

    Exit codes: 0 all well, 1 something was found wrong, 2 the command could not be carried out.
    """


@main.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    metavar="N",
    help="Notebooks run at the same time; as many as there are CPU cores unless told.",
)
def refresh(notebooks: Sequence[Path], jobs: int) -> None:
    """Re-execute NOTEBOOKS (all of the course unless named) and store them in normal form.

    A notebook in which a cell fails is left as it was. Cells tagged gpu keep their stored outputs
    where there is no GPU.
    """
    paths = _chosen(notebooks)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    progress = Progress(*columns, console=ERRORS)
    bars: dict[Path, TaskID] = {}

    def show(path: Path, done: int, total: int) -> None:
        progress.start()
        if path not in bars:
            bars[path] = progress.add_task(path.name, total=total)
        progress.update(bars[path], completed=done)

    try:
        outcomes = execution.refresh(paths, jobs=jobs, on_cell=show)
    finally:
        if bars:
            progress.stop()
    for outcome in outcomes:
        click.echo(f"{outcome.path}: {'written' if outcome.changed else 'unchanged'}")
    _report({outcome.path: outcome.problems for outcome in outcomes})


@main.command()
@click.argument("notebooks", nargs=-1, type=click.Path(path_type=Path))
def check(notebooks: Sequence[Path]) -> None:
    """Say what keeps NOTEBOOKS (all of the course unless named) from being published.

    Nothing is executed; 'pytest --nbval notebooks' compares the outputs.
    """
    _report({path: problems(execution.read(path)) for path in _chosen(notebooks)})


@main.command()
def doctor() -> None:
    """Say what this machine can do of the course, and what to do about the rest."""
    from rich import box
    from rich.table import Table

    from .doctor import MISSING, examine

    table = Table("To", "Here?", "Found", "What to do", box=box.SIMPLE)
    findings = examine()
    for one in findings:
        table.add_row(*map(Text, (one.what, one.answer, one.found, one.advice)))
    Console(highlight=False).print(table)
    if any(one.answer == MISSING for one in findings):
        raise SystemExit(1)


def bytes_of(amount: str) -> float:
    """Bytes of an amount of memory: 8GB is 8e9, 8GiB is 8 * 2**30, a plain number is bytes."""
    units = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
    found = re.fullmatch(r"([\d.]+)\s*(k|m|g|ki|mi|gi|)b?", amount.strip().lower())
    try:
        if found and (found_bytes := float(found[1]) * units[found[2]]) > 0:
            return found_bytes
    except ValueError:
        pass
    raise CourseError(f"{amount!r} is not an amount of memory; write for example 8GB or 500MiB.")


def _writable(ctx: click.Context, param: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a file that cannot be written, before there is work to lose."""
    if path in (None, STDOUT):
        return path
    place = path if os.path.exists(path) else path.parent
    if os.path.isdir(path) or not os.path.isdir(path.parent) or not os.access(place, os.W_OK):
        raise CourseError(
            f"{str(path)!r} cannot be written; name a file in a folder that exists and that you "
            "may write to."
        )
    return path


@main.command()
@click.argument("factory", metavar="MODULE:FACTORY")
@click.option("--seconds", type=float, default=60.0, show_default=True, help="Time to measure.")
@click.option(
    "--memory",
    metavar="AMOUNT",
    callback=lambda ctx, param, amount: None if amount is None else bytes_of(amount),
    help="What one device may use, for example 16GB.",
)
@click.option("--devices", type=int, default=1, show_default=True, help="That share a batch.")
@click.option("--global-batch-size", type=int, metavar="B", help="If it is decided already.")
@click.option("--target-loss", type=float, metavar="LOSS", help="Training loss where you stop.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all random numbers.")
@click.option(
    "--json",
    "json_file",
    type=click.Path(path_type=Path),
    callback=_writable,
    help="Write all of it; - shows it.",
)
@click.option(
    "--figure",
    type=click.Path(path_type=Path),
    callback=_writable,
    help="Draw it into an SVG file.",
)
def plan(
    factory: str,
    seconds: float,
    memory: float | None,
    devices: int,
    global_batch_size: int | None,
    target_loss: float | None,
    seed: int,
    json_file: Path | None,
    figure: Path | None,
) -> None:
    """Propose a batch size for your own model, with the evidence.

    FACTORY is a function without arguments, in a module that Python can import from here. It
    returns the model, a loss function that gives one loss per example, and the data set.
    """
    try:
        from .planning import load_workload
        from .planning import plan as make_plan
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"'coursekit plan' needs {error.name}, which is not installed; it comes with: "
            "pip install 'batch-by-batch[torch,figures]', from a copy of this repository."
        ) from error
    workload = load_workload(factory)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=ERRORS, transient=True) as progress:
        bar = progress.add_task("begin", total=1.0)
        made = make_plan(
            workload,
            seconds=seconds,
            memory_bytes=memory,
            world_size=devices,
            global_batch_size=global_batch_size,
            target_loss=target_loss,
            seed=seed,
            on_progress=lambda what, done: progress.update(bar, description=what, completed=done),
        )
    if json_file != STDOUT:
        _print_plan(made.rows(), made.notes)
    if json_file is not None:
        _write(json_file, made.to_json() + "\n")
    if figure is not None:
        _write(figure, made.figure().svg)


def _write(path: Path, text: str) -> None:
    try:
        with click.open_file(str(path), "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CourseError(
            f"{str(path)!r} could not be written ({error.strerror}); the plan is shown above."
        ) from error


def _print_plan(rows: Sequence[Sequence[str]], notes: Sequence[str]) -> None:
    from rich import box
    from rich.table import Table

    table = Table("Setting", "Proposed", "Evidence", box=box.SIMPLE)
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console(highlight=False)
    console.print(table)
    for note in notes:
        console.print(Text(f"- {note}"))


@main.command()
@click.argument("assignments", nargs=-1, required=True, metavar="NOTEBOOK|NAME...")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR")
def release(assignments: Sequence[str], out: Path) -> None:
    """Write student copies of solved ASSIGNMENTS into a folder.

    Solutions give way to stubs and hidden checks are taken out.
    """
    from .grading import command

    for path in command.release_all(assignments, out):
        click.echo(path)


@main.command()
@click.argument("submissions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--assignment", required=True, metavar="NAME", help="Or the solved notebook's path.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="DIR")
@click.option("--jobs", "-j", type=click.IntRange(1), default=os.cpu_count() or 1, metavar="N")
@click.option(
    "--isolation",
    type=click.Choice(["auto", "required", "none"]),
    default="auto",
    show_default=True,
    help="required: bubblewrap or nothing; none: trusted code only.",
)
@click.option("--scheduler", default="", metavar="ADDRESS", help="Of a Dask cluster to run on.")
@click.option("--late", default="", metavar="DEADLINE,PERCENT", help="Lost for each day begun.")
@click.option(
    "--manual", type=click.Path(path_type=Path), metavar="CSV", help="DIR/manual.csv unless told."
)
@click.option("--seed", type=click.IntRange(0), help="Other inputs for the hidden checks.")
@click.option(
    "--seconds-cell",
    type=click.FloatRange(0, min_open=True),
    default=Limits.seconds_cell,
    show_default=True,
    help="After which a cell is stopped.",
)
def grade(seconds_cell: float, **order: Any) -> None:
    """Grade SUBMISSIONS, notebooks or folders of them, and write gradebook and feedback into DIR.

    Stopped in the middle, the same command goes on where it was. Exit codes: 0 all graded, 1 some
    submissions could not be read, 2 the command could not be carried out.
    """
    from .grading import command

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    clocks = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Progress(
        *columns, *clocks, console=ERRORS, transient=True, disable=not ERRORS.is_terminal
    ) as progress:
        bar = progress.add_task("notebooks", total=None)

        def show(done: int, total: int) -> None:
            progress.update(bar, completed=done, total=total)

        try:
            results = command.grade_all(
                command.Order(
                    places=order.pop("submissions"),
                    limits=Limits(seconds_cell=seconds_cell),
                    **order,
                ),
                on_progress=show,
            )
        except KeyboardInterrupt:
            raise CourseError(
                "stopped; what was graded is kept, and the same command goes on from there."
            ) from None
    if not results.safe:
        ERRORS.print(f"Careful: {results.isolation}", markup=False)
    for one in results.unread:
        ERRORS.print(f"{one.student} is not graded: {one.problem}.", markup=False)
    graded = len(results.graded) - len(results.unread)
    click.echo(f"{graded} of {len(results.graded)} graded; read {order['out'] / 'summary.html'}")
    if results.unread:
        raise SystemExit(1)


@main.command()
@click.argument("url")
def repoint(url: str) -> None:
    """Move the repository's public address to URL, in every file that carries it."""
    root = repository.find_root(Path.cwd())
    for path in repository.repoint(root, url):
        click.echo(path.relative_to(root))


def _chosen(notebooks: Sequence[Path]) -> list[Path]:
    if notebooks:
        return list(dict.fromkeys(notebooks))
    folder = Path(os.path.relpath(repository.find_root(Path.cwd()) / "notebooks"))
    paths = sorted(
        path for path in folder.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts
    )
    if not paths:
        raise CourseError(f"there is no notebook in {folder}.")
    return paths


def _report(found: dict[Path, list[str]]) -> None:
    for path, sentences in found.items():
        for sentence in sentences:
            ERRORS.print(f"{path}: {sentence}.", markup=False)
    if any(found.values()):
        raise SystemExit(1)
