"""Find a student's answers in whatever came back, and put them into a pristine notebook.

Colab, JupyterLab and VS Code move cells, add some and drop metadata. So an answer is looked for by
nbgrader's ``grade_id``, then by the id of the cell, then by what the cell defines, then by how much
its code looks like the question's. How it was found and how sure that is stands in the `Answer`.

Only answers, and cells that a student added, are ever taken from a submission. Everything else, the
checks above all, comes from the assignment.
"""

from __future__ import annotations

import ast
import difflib
import functools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .probes import defined_names, probe
from .records import Answer, Assignment, Json, Question
from .release import stub, visible
from .schema import answer_names, grade_id, marks

BY_GRADE_ID, BY_CELL_ID = "grade_id", "cell id"
BY_DEFINITION, BY_SIMILARITY, MISSING = "definition", "similarity", "missing"

UNNAMED = "#"
"""A cell of the assignment that has no ``grade_id``: its text, its setup."""

BINDING = re.compile(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=(?!=)", re.M)

LOOKS_ALIKE = 0.6
"""Below this share of common code a cell is not taken for an answer."""

LONGEST_COMPARED, MOST_TOKENS, MOST_CELLS = 20_000, 300, 50
"""What is looked at for likeness: characters and tokens of a cell, cells of a notebook."""


@dataclass(frozen=True)
class Extra:
    """A code cell that a student added, and the ``grade_id`` of the known cell it stays with.

    It runs before that cell if ``above``, else after it. Without a name it runs first of all.
    """

    beside: str
    above: bool
    source: str


@dataclass(frozen=True)
class Found:
    """What a submission holds: an answer a question, in order, and the cells added to it."""

    answers: tuple[Answer, ...]
    extras: tuple[Extra, ...]


def find_answers(assignment: Assignment, notebook: Json) -> Found:
    """The answers to ``assignment`` in a submitted ``notebook``, which has been read as nbformat 4.

    A question whose answer is nowhere gets an empty one with confidence 0. Where several cells have
    the same claim to be an answer, the last that was filled in is taken, as it would be when all
    are run in order, and the others are kept as added cells; the confidence says so. A cell that is
    taken for its likeness alone also stays where it was: another answer may need it.
    """
    pristine = _Pristine(assignment)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] != "raw"]
    place = {number: pristine.place_of(cell) for number, cell in enumerate(cells)}
    answers: dict[str, Answer] = {}
    used: dict[int, str] = {}
    for question in assignment.questions:
        taken = _by_name(question, cells, pristine)
        if taken is None:
            free = [n for n, _ in enumerate(cells) if not place[n] and n not in used]
            taken = _by_content(question, cells, free, pristine)
        if taken is None:
            answers[question.name] = Answer(question.name, "", MISSING, 0.0)
            continue
        number, how, confidence = taken
        used[number] = "" if how == BY_SIMILARITY else question.answer_id
        answers[question.name] = Answer(question.name, cells[number]["source"], how, confidence)
    return Found(tuple(answers.values()), tuple(_extras(cells, place, used, pristine)))


def assemble(assignment: Assignment, answers: Sequence[Answer], extras: Sequence[Extra]) -> Json:
    """A notebook to run: the pristine assignment with these answers, and probes for its checks.

    Each answer is a cell of its own, so what fails in it stays its own. A question without an
    answer has an empty cell. Added cells stay with the answer that they stood next to.
    """
    sources = {question.answer_id: "" for question in assignment.questions}
    ids = {question.name: question.answer_id for question in assignment.questions}
    sources |= {ids[answer.question]: answer.source for answer in answers}
    names = answer_names(assignment)
    cells = [_added(extra) for extra in extras if not extra.beside]
    for original in assignment.notebook["cells"]:
        cell = json.loads(json.dumps(original))
        name = grade_id(cell)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
            if name in sources:
                cell["source"] = sources[name]
            elif marks(cell).get("grade"):
                cell["source"] = probe(cell["source"], answers=names).source
        elif name in sources:
            cell["source"] = sources[name]
        added = [extra for extra in extras if name and extra.beside == name]
        cells += [_added(extra) for extra in added if extra.above]
        cells.append(cell)
        cells += [_added(extra) for extra in added if not extra.above]
    return {**assignment.notebook, "cells": cells}


class _Pristine:
    """The cells of the assignment as its students got them."""

    def __init__(self, assignment: Assignment) -> None:
        self.answer_ids = {question.answer_id for question in assignment.questions}
        self.answers: dict[str, Json] = {}
        self._by_id: dict[str, str] = {}
        self._by_source: dict[str, str] = {}
        for cell in assignment.notebook["cells"]:
            name = grade_id(cell)
            if name in self.answer_ids:
                self.answers[name] = cell
                continue
            source = visible(cell["source"]) if marks(cell).get("grade") else cell["source"]
            known = name or UNNAMED
            self._by_id[cell.get("id", "")] = self._by_source[_plain(source)] = known
        self._names = set(self._by_id.values()) - {UNNAMED}
        self.stubs = {_plain(self.stub_of(name)) for name in self.answer_ids}

    def place_of(self, cell: Json) -> str:
        """The cell of the assignment that ``cell`` is, edited or not; "" for answers and others."""
        name = grade_id(cell)
        if name in self._names:
            return name
        by_id = [self._by_id[known] for known in _ids(cell) if known in self._by_id]
        return by_id[0] if by_id else self._by_source.get(_plain(cell["source"]), "")

    def stub_of(self, answer_id: str) -> str:
        cell = self.answers[answer_id]
        return stub(cell["source"], cell["cell_type"])


def _by_name(
    question: Question, cells: list[Json], pristine: _Pristine
) -> tuple[int, str, float] | None:
    """The cell with the question's ``grade_id``, or else with its cell's id."""
    wanted = pristine.answers[question.answer_id]
    same_kind = [n for n, cell in enumerate(cells) if cell["cell_type"] == wanted["cell_type"]]
    by_grade_id = [n for n in same_kind if grade_id(cells[n]) == question.answer_id]
    by_cell_id = [n for n in same_kind if wanted.get("id") in _ids(cells[n])]
    for how, numbers in ((BY_GRADE_ID, by_grade_id), (BY_CELL_ID, by_cell_id)):
        filled = [n for n in numbers if _plain(cells[n]["source"]) not in pristine.stubs]
        if numbers:
            return (filled or numbers)[-1], how, 1.0 if len(filled) < 2 else 0.8
    return None


def _by_content(
    question: Question, cells: list[Json], free: list[int], pristine: _Pristine
) -> tuple[int, str, float] | None:
    """The free cell that defines what the answer defines, or else looks most like it."""
    wanted = pristine.answers[question.answer_id]
    names = defined_names(wanted["source"])
    code = [n for n in free if cells[n]["cell_type"] == wanted["cell_type"]]
    if names:
        defining = [n for n in code if names <= _seems_to_define(cells[n]["source"])]
        filled = [n for n in defining if _plain(cells[n]["source"]) not in pristine.stubs]
        if defining:
            return (filled or defining)[-1], BY_DEFINITION, 0.9 if len(filled) < 2 else 0.7
    ours = (pristine.stub_of(question.answer_id), wanted["source"])
    scored = [
        (max(_likeness(cells[n]["source"], text) for text in ours), n) for n in code[:MOST_CELLS]
    ]
    best, number = max(scored, default=(0.0, 0))
    return (number, BY_SIMILARITY, round(0.8 * best, 2)) if best >= LOOKS_ALIKE else None


def _extras(
    cells: list[Json], place: dict[int, str], used: dict[int, str], pristine: _Pristine
) -> Iterator[Extra]:
    """Cells that are neither an answer nor of the assignment, and are no stub left over."""
    known = {n: used.get(n) or place[n] for n, _ in enumerate(cells)}
    for number, cell in enumerate(cells):
        if known[number] or cell["cell_type"] != "code":
            continue
        if not cell["source"].strip() or _plain(cell["source"]) in pristine.stubs:
            continue
        named = [n for n, name in known.items() if name and name != UNNAMED]
        before = max((n for n in named if n < number), default=None)
        after = min((n for n in named if n > number), default=None)
        if before not in used and after in used:
            yield Extra(used[after], True, cell["source"])
        else:
            yield Extra("" if before is None else known[before], False, cell["source"])


def _added(extra: Extra) -> Json:
    return {
        "cell_type": "code",
        "source": extra.source,
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }


@functools.lru_cache(maxsize=4096)
def _seems_to_define(source: str) -> frozenset[str]:
    """Names that ``source`` binds; where it is no Python, those that its lines seem to bind."""
    start = source[:LONGEST_COMPARED]
    by_line = {name for pair in BINDING.findall(start) for name in pair if name}
    return frozenset(defined_names(start) or by_line)


def _likeness(one: str, other: str) -> float:
    """Share of code that two cells have in common, from 0 to 1."""
    tokens = [_tokens(text[:LONGEST_COMPARED]) for text in (one, other)]
    match = difflib.SequenceMatcher(None, tokens[0], tokens[1], autojunk=False)
    return match.ratio() if match.quick_ratio() >= LOOKS_ALIKE else 0.0


@functools.lru_cache(maxsize=4096)
def _tokens(source: str) -> list[str]:
    """Kinds and names of the nodes of ``source``, or its words where it is no Python."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.findall(r"\w+", source)[:MOST_TOKENS]
    named = [getattr(node, "id", getattr(node, "arg", "")) for node in nodes]
    return [f"{type(node).__name__} {name}" for node, name in zip(nodes, named, strict=True)][
        :MOST_TOKENS
    ]


def _ids(cell: Json) -> set[str]:
    """Ids of ``cell``: its own, and the one that Colab keeps in the metadata."""
    found = (cell.get("id"), cell["metadata"].get("id"))
    return {name for name in found if isinstance(name, str) and name}


def _plain(source: str) -> str:
    """``source`` without blank lines and spaces at the ends of lines."""
    return "\n".join(line.rstrip() for line in source.split("\n") if line.strip())
