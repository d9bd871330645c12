"""What every page carries: templates without the theme's faults, and a meta description."""

import html
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_DESCRIPTION = 160


def use_templates(app: Sphinx, config: Config) -> None:
    """Put our templates before the theme's."""
    config.templates_path.insert(0, str(TEMPLATES))


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take the first paragraph as the page's description, unless the page gives one itself."""
    tags = context.get("metatags", "")
    if doctree is None or 'name="description"' in tags:
        return
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if text:
            content = html.escape(shorten(text))
            context["metatags"] = f'{tags}<meta name="description" content="{content}" />'
            return


def shorten(text: str) -> str:
    """At most 160 characters, cut between words."""
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    return text[: LONGEST_DESCRIPTION - 1].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("config-inited", use_templates)
    app.connect("html-page-context", describe)
