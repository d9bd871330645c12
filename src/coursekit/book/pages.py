"""What every page carries: templates without the theme's faults, a description, its fonts soon, a
quiet console.

The faults: a script of 1.4 MB for a dozen icons, names of buttons that differ from what is written
on them, a logo outside every landmark, an empty header, a role that ARIA has withdrawn, notes to
developers on the console.
"""

import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_DESCRIPTION = 160
FONTS = ("source-serif-4-latin-wght-normal.woff2", "bricolage-grotesque-latin-wght-normal.woff2")
"""What text and headings are set in, under ``_static/fonts``."""
FETCH = """<script>
if (location.protocol !== "file:")
  for (const href of {addresses})
    document.head.append(Object.assign(document.createElement("link"),
      {{ rel: "preload", as: "font", type: "font/woff2", crossOrigin: "anonymous", href }}));
</script>"""
CHATTY = (
    "_static/scripts/pydata-sphinx-theme.js",
    "_static/scripts/sphinx-book-theme.js",
    "_static/togglebutton.js",
    "search.html",
)
"""Files of the built book that talk to developers."""


def use_templates(app: Sphinx, config: Config) -> None:
    """Put our templates before the theme's."""
    config.templates_path = [str(TEMPLATES), *config.templates_path]


def describe(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Take the first paragraph as the page's description, unless the page gives one itself."""
    tags = context.get("metatags", "")
    if doctree is None or 'name="description"' in tags:
        return
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if text and "chapter-facts" not in paragraph["classes"]:
            content = html.escape(shorten(text))
            context["metatags"] = f'{tags}<meta name="description" content="{content}" />'
            return


def fetch_fonts(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Ask for the fonts before the styles that name them have come: text is then drawn once.

    Not from a disk, where a browser refuses such a request and says so on the console.
    """
    addresses = json.dumps([context["pathto"](f"_static/fonts/{font}", 1) for font in FONTS])
    context["metatags"] = context.get("metatags", "") + FETCH.format(addresses=addresses)


def name_roles(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Call the entries of the bibliography list items: their own role is withdrawn from ARIA."""
    if "body" in context:
        context["body"] = context["body"].replace('role="doc-biblioentry"', 'role="listitem"')


def silence(app: Sphinx, problem: Exception | None) -> None:
    """Take out of the scripts what ends up on the console: a page says nothing there.

    Notes to developers: ``console.log(...)`` becomes ``void(...)``; warnings and errors stay. The
    excerpts of found pages, which a page opened from a disk may not fetch.
    """
    if problem or app.builder.format != "html":
        return
    for name in CHATTY:
        _replace(Path(app.outdir) / name, "console.log(", "void(")
    search = Path(app.outdir) / "_static" / "searchtools.js"
    _replace(
        search, "SHOW_SEARCH_SUMMARY;", 'SHOW_SEARCH_SUMMARY && location.protocol !== "file:";'
    )


def _replace(script: Path, old: str, new: str) -> None:
    text = script.read_text("utf-8") if script.exists() else ""
    if old in text:
        script.write_text(text.replace(old, new), "utf-8")


def shorten(text: str) -> str:
    """At most 160 characters, cut between words."""
    if len(text) <= LONGEST_DESCRIPTION:
        return text
    return text[: LONGEST_DESCRIPTION - 1].rsplit(" ", 1)[0].rstrip(",;:.") + "…"


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("config-inited", use_templates)
    app.connect("html-page-context", describe)
    app.connect("html-page-context", fetch_fonts)
    app.connect("html-page-context", name_roles)
    app.connect("build-finished", silence)
