"""A check turned into a probe: code that asks for the student's values and knows no others.

``assert answer(3) == 9`` becomes "emit ``answer(3)``". The 9, and every line that only served to
work it out, is dropped before the code goes near a student's kernel; what the value should be is
learned by running the same probe on the solved notebook. An assert that cannot be taken apart,
such as ``assert loss < 0.1``, emits whether it held. Such a one is judged in the student's kernel,
where code can lie, and is listed as such.

Taken apart are ``==`` and ``is``; ``allclose``, ``isclose``, ``array_equal`` and ``equal`` of
NumPy, PyTorch and ``math``; ``.all()`` or ``np.all(…)`` around those; and ``abs(a - b) < bound``.
Which side is the student's is found by following names from the answers; if both are, both are
emitted.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..errors import CourseError

EMIT, NUMBERS = "_coursekit_emit", "_coursekit_numbers"
PRELUDE = f"from coursekit.grading.emitting import emit as {EMIT}, numbers as {NUMBERS}"
HIDDEN_START, HIDDEN_END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"

_CLOSE = ("allclose", "isclose", "array_equal", "equal")
_EQUAL = (ast.Eq, ast.Is)
_BELOW = (ast.Lt, ast.LtE)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True)
class Emission:
    """What a probe emits for one assert, from 1: ``text`` is the code of it.

    ``in_kernel`` says that the verdict itself is emitted, because no value could be.
    """

    number: int
    text: str
    hidden: bool
    in_kernel: bool


@dataclass(frozen=True)
class Probe:
    """Code to run in the student's kernel in place of a check, and what it emits."""

    source: str
    emissions: tuple[Emission, ...]


def probe(check: str, *, answers: Collection[str]) -> Probe:
    """The probe of a check's code; ``answers`` are the names that students define.

    Raises
    ------
    CourseError
        When the check is no Python, has an assert inside another statement, or one that does not
        depend on an answer at all.
    """
    try:
        body = ast.parse(check).body
    except SyntaxError as error:
        raise CourseError(f"the check is not Python: {error.msg} in line {error.lineno}.") from None
    hidden = hidden_lines(check)
    students = set(answers)
    made: list[ast.stmt] = []
    emissions: list[Emission] = []
    for statement in body:
        if not isinstance(statement, ast.Assert):
            if any(isinstance(inner, ast.Assert) for inner in ast.walk(statement)):
                raise CourseError(
                    f"line {statement.lineno} of the check holds an assert inside another "
                    "statement; put the cases into one list and compare it with a list."
                )
            if isinstance(statement, ast.Expr) and "assert" in _name_of_call(statement.value):
                raise CourseError(
                    f"line {statement.lineno} of the check calls an assert function; write a plain "
                    "assert, for example 'assert np.allclose(answer, expected)'."
                )
            made.append(statement)
            _follow(statement, students)
            continue
        if not _loads(statement.test) & students:
            raise CourseError(
                f"the assert in line {statement.lineno} of the check depends on no answer; "
                "let it call what the student defines."
            )
        value, in_kernel = _students_side(statement.test, students)
        number = len(emissions) + 1
        text = ast.unparse(statement.test)
        emissions.append(Emission(number, text, statement.lineno in hidden, in_kernel))
        made.append(_emission(number, value))
    kept = ast.Module(body=_needed(made), type_ignores=[])
    source = ast.unparse(ast.fix_missing_locations(kept))
    return Probe(f"{PRELUDE}\n{source}", tuple(emissions))


def hidden_lines(check: str) -> set[int]:
    """Numbers, from 1, of the lines from one mark of hidden tests to the other.

    Raises
    ------
    CourseError
        When a region does not begin, or does not end.
    """
    lines, inside = set(), False
    for number, line in enumerate(check.split("\n"), start=1):
        if HIDDEN_START in line or HIDDEN_END in line:
            begins = HIDDEN_START in line
            if begins == inside:
                raise CourseError(
                    f"line {number} of the check {'begins' if begins else 'ends'} a hidden region "
                    f"that {'has begun already' if begins else 'has not begun'}."
                )
            inside = begins
        if inside:
            lines.add(number)
    if inside:
        raise CourseError(f"the hidden region of the check does not end; add {HIDDEN_END!r}.")
    return lines


def defined_names(source: str) -> set[str]:
    """Names that ``source`` binds at its top level; none when it is no Python."""
    try:
        return {name for statement in ast.parse(source).body for name in _binds(statement)}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()


def _students_side(test: ast.expr, students: set[str]) -> tuple[ast.expr, bool]:
    """What to emit of ``test``, and whether that is the verdict itself."""
    sides = _sides(test)
    if sides is None:
        return ast.IfExp(test, ast.Constant(True), ast.Constant(False)), True
    mine = [side for side in sides if _loads(side) & students]
    return (mine[0] if len(mine) == 1 else ast.Tuple(list(sides), ast.Load())), False


def _sides(test: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """The two things that ``test`` says are equal, wrapped in `NUMBERS` if it reads them so."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        left, right = test.left, test.comparators[0]
        if isinstance(test.ops[0], _EQUAL):
            return left, right
        if isinstance(test.ops[0], _BELOW) and _name_of_call(left) == "abs":
            inner = left.args[0] if isinstance(left, ast.Call) and left.args else None
            if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Sub):
                return _as_numbers(inner.left), _as_numbers(inner.right)
    if isinstance(test, ast.Call):
        name = _name_of_call(test)
        if name in _CLOSE and len(test.args) >= 2:
            return _as_numbers(test.args[0]), _as_numbers(test.args[1])
        if name == "all":
            inner = test.args[0] if test.args else getattr(test.func, "value", None)
            pair = _sides(inner) if inner is not None else None
            return (_as_numbers(pair[0]), _as_numbers(pair[1])) if pair else None
    return None


def _as_numbers(value: ast.expr) -> ast.expr:
    already = _name_of_call(value) == NUMBERS
    return value if already else ast.Call(ast.Name(NUMBERS, ast.Load()), [value], [])


def _name_of_call(node: ast.AST) -> str:
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _emission(number: int, value: ast.expr) -> ast.stmt:
    """``emit(number, lambda: value)``."""
    empty = ast.arguments([], [], None, [], [], None, [])
    call = ast.Call(
        ast.Name(EMIT, ast.Load()), [ast.Constant(number), ast.Lambda(empty, value)], []
    )
    return ast.Expr(call)


def _needed(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements of ``body`` that its emissions need, in order; found from the end backwards.

    A call made for its effect stays where it may change a value that is needed later.
    """
    needed: set[str] = set()
    kept: list[ast.stmt] = []
    for statement in reversed(body):
        binds = _binds(statement)
        is_emission = isinstance(statement, ast.Expr) and _name_of_call(statement.value) == EMIT
        if is_emission or (binds | _touched(statement)) & needed:
            if isinstance(statement, (ast.Assign, ast.Import, ast.ImportFrom, *_DEFINITIONS)):
                needed -= binds
            needed |= _loads(statement)
            kept.append(statement)
    return kept[::-1]


def _touched(statement: ast.stmt) -> set[str]:
    """Names whose values a call in ``statement`` may change: both of ``items.append(x)``."""
    names = set()
    for inner in ast.walk(statement):
        if isinstance(inner, ast.Expr) and isinstance(inner.value, ast.Call):
            call = inner.value
            names |= {_root(node) for node in (call.func, *call.args)}
    return names


def _root(node: ast.AST) -> str:
    """``a`` of ``a.b[c]``; empty for what does not begin with a name."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _follow(statement: ast.stmt, students: set[str]) -> None:
    """Names bound by ``statement`` are the student's if it loads one of theirs."""
    if _loads(statement) & students:
        students |= _binds(statement)
    elif isinstance(statement, ast.Assign):
        students -= _binds(statement)


def _binds(statement: ast.stmt) -> set[str]:
    """Names of the notebook that ``statement`` binds, or whose value it changes in place."""
    return set(_bound_in(statement))


def _bound_in(node: ast.AST) -> Iterator[str]:
    if isinstance(node, (*_DEFINITIONS, ast.Lambda)):
        yield from [node.name] if isinstance(node, _DEFINITIONS) else []
        return  # what is inside has names of its own
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    if isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield node.id
    if isinstance(node, (ast.Subscript, ast.Attribute)) and isinstance(node.ctx, ast.Store):
        yield _root(node)
    for child in ast.iter_child_nodes(node):
        yield from _bound_in(child)


def _loads(node: ast.AST) -> set[str]:
    """Names that ``node`` reads, a name it changes in place included."""
    names = {
        inner.id
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Load)
    }
    for inner in ast.walk(node):
        if isinstance(inner, ast.AugAssign) and isinstance(inner.target, ast.Name):
            names.add(inner.target.id)
    return names
