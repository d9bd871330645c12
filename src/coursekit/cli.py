"""The ``coursekit`` command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.text import Text

from .errors import CourseError
from .notebooks import execution, problems, repository

ERRORS = Console(stderr=True, highlight=False, soft_wrap=True)


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
