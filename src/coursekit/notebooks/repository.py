"""Where the repository is: its root on this machine, its public address on the network.

The address stands in one place, ``repository: url:`` of ``_config.yml``. Colab links, setup cells
and the citation carry copies, because they are read without that file; `repoint` moves them all.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..errors import CourseError
from .files import replace_file

ADDRESS = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
CONFIGURED = re.compile(r"^repository:\n(?:[ #].*\n)*?  url: *(\S+)", re.MULTILINE)
COPIES = (
    "_config.yml",
    "CITATION.cff",
    "*.md",
    "book/**/*.md",
    "notebooks/**/*.ipynb",
    "assignments/*.ipynb",
)
"""Files, from the root, in which the address may stand."""


def find_root(start: Path) -> Path:
    """The nearest folder at or above ``start`` that holds ``_config.yml`` and ``notebooks/``."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "_config.yml").is_file() and (folder / "notebooks").is_dir():
            return folder
    raise CourseError(
        f"{start} is not inside the course's repository; go to the folder that holds _config.yml."
    )


def address(root: Path) -> str:
    """Public address of the repository at ``root``, without a slash at its end."""
    found = CONFIGURED.search((root / "_config.yml").read_text(encoding="utf-8"))
    if found is None:
        raise CourseError(f"{root / '_config.yml'} has no 'url:' under 'repository:'; add it.")
    return checked(found[1])


def checked(url: str) -> str:
    """``url`` in its plain form, or an error that says what is wanted.

    Colab opens notebooks from GitHub alone, so only an address there will do.
    """
    url = url.rstrip("/").removesuffix(".git")
    if not ADDRESS.fullmatch(url):
        raise CourseError(f"{url!r} is not an address like https://github.com/OWNER/NAME.")
    return url


def repoint(root: Path, new: str) -> list[Path]:
    """Move every copy of the repository's address to ``new``; return the files that changed.

    Notebooks need no new run: what their setup cells print does not depend on the address.
    """
    old, new = (url.removeprefix("https://github.com/") for url in (address(root), checked(new)))
    mention = re.compile(rf"(?<=github\.com/|com/github/){re.escape(old)}(?![\w-])")
    changed = []
    for path in sorted({path for pattern in COPIES for path in root.glob(pattern)}):
        before = path.read_text(encoding="utf-8")
        after = mention.sub(new, before)
        if after != before:
            replace_file(path, after)
            changed.append(path)
    return changed
