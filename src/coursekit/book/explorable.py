"""The directive ``{explorable} NAME``: an interactive figure on a page that runs no code.

A cell stores a figure with all it needs, because a notebook shows each output by itself. On a page
of the book figures share: a script or style sheet that is there already is left out.
"""

import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import coursekit.explorables as room
from coursekit.errors import CourseError

SHARED = re.compile(
    r'<style>.*?</style>|<script type="(?:text/explorable" data-name="\w+|module)">.*?</script>',
    re.DOTALL,
)


class AnyOption(dict[str, Any]):
    """Options are the state of the figure: any name is taken, the figure itself checks them."""

    def __bool__(self) -> bool:
        return True

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return yaml.safe_load


class ExplorableDirective(SphinxDirective):
    """``{explorable} sampling`` with ``:batch_size: 4`` and the like as its first state."""

    required_arguments = 1
    option_spec = AnyOption()

    def run(self) -> list[nodes.Node]:
        """Insert the same HTML that the figure's cell stores in a notebook."""
        for file in Path(room.__file__).parent.glob("*.*"):
            self.env.note_dependency(str(file))
        try:
            figure = room.explorable(self.arguments[0], **self.options)
        except CourseError as problem:
            raise self.error(str(problem)) from problem
        return [nodes.raw("", figure._repr_mimebundle_()["text/html"], format="html")]


def share(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Leave out of a page what it has already; the first figure mounts all that follow."""
    seen: set[str] = set()

    def once(found: re.Match[str]) -> str:
        if found[0] in seen:
            return ""
        seen.add(found[0])
        return found[0]

    if "data-explorable" in context.get("body", ""):
        context["body"] = SHARED.sub(once, context["body"])


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("html-page-context", share)
    app.add_directive("explorable", ExplorableDirective)
