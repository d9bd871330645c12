"""The Sphinx extension of the book, one module for each idea.

- `api`: what the docstrings need to become pages;
- `pages`: what every page carries: templates without the theme's faults, a meta description;
- `offline`: MathJax from an installed package, copied beside the pages;
- `stored`: what an executed notebook says: its title, its minutes, its claims;
- `claims`: the role ``claim`` and the checks that make a false link fail the build;
- `ledger`: the table of every claim;
- `chapters`: the facts of a chapter under its title;
- `course_map`: the parts and chapters, with their questions;
- `explorable`: the directive that puts an interactive figure on a page without code.
- `search_words`: what readers type into the search, and the section that answers it.
"""

from typing import Any

from sphinx.application import Sphinx

from . import (
    api,
    chapters,
    claims,
    course_map,
    explorable,
    ledger,
    offline,
    pages,
    search_words,
)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect every module of the extension to Sphinx."""
    for module in (
        api,
        pages,
        offline,
        claims,
        ledger,
        chapters,
        course_map,
        explorable,
        search_words,
    ):
        module.setup(app)
    return {"env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
