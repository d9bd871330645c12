"""The text of a figure's scripts and style, ready to stand inside an HTML page."""

from __future__ import annotations

import re
from functools import cache

from ..errors import CourseError
from .registry import FOLDER

_IMPORT = re.compile(r'import (\{ [\w, ]+ \}) from "\./core\.mjs";\n')


@cache
def module(name: str) -> str:
    """NAME.mjs with all of core.mjs in place of its import: one module that imports nothing.

    A page loads it from a Blob, where an import of a neighboring file cannot work.
    """
    core = re.sub(r"^export ", "", _read("core.mjs"), flags=re.MULTILINE)
    own = _read(f"{name}.mjs")
    found = _IMPORT.match(own)
    if not found:
        raise CourseError(f'{name}.mjs must begin with: import {{ ... }} from "./core.mjs";')
    names = found[1]
    return squeeze(
        f"const {names} = (() => {{\n{core}\nreturn {names};\n}})();\n{own[found.end() :]}"
    )


@cache
def style() -> str:
    """The style sheet of every explorable."""
    return squeeze(_read("style.css"))


@cache
def host() -> str:
    """The script that brings the figures of a page to life."""
    return squeeze(_read("host.js"))


def squeeze(text: str) -> str:
    """A script or style sheet without comment lines, blank lines and indents.

    Only lines that are a comment as a whole go, so no string needs to be understood.
    """
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(
        line
        for line in lines
        if line and not line.startswith("//") and not re.fullmatch(r"/\*.*\*/", line)
    )


def inline(script: str) -> str:
    """A script that may stand inside an HTML page: nothing in it can end the script element."""
    return re.sub(r"<(?=/script|!--)", r"<\\", script, flags=re.IGNORECASE)


def _read(file: str) -> str:
    return (FOLDER / file).read_text("utf-8")
