"""Words that readers type into the search, each leading to the section that answers.

A section's heading is a question, and few readers type it. ``book/search.yml`` names, for each page
and section, what they do type. The words become index entries of the section: the search shows it
first, with its heading's place, and the index lists them.
"""

from pathlib import Path

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

FILE = "book/search.yml"


def index_sections(app: Sphinx, doctree: nodes.document) -> None:
    """Give the sections of this page their words; warn where there is no such section."""
    file = Path(app.srcdir) / FILE
    if not file.is_file():
        return
    app.env.note_dependency(str(file))
    plan = yaml.safe_load(file.read_text("utf-8")) or {}
    sections = {id: section for section in doctree.findall(nodes.section) for id in section["ids"]}
    for id, words in plan.get(app.env.docname, {}).items():
        if id not in sections:
            logger.warning("%s: %s has no section #%s", FILE, app.env.docname, id)
            continue
        entries = [("single", word, id, "main", None) for word in words]
        sections[id].insert(0, addnodes.index(entries=entries))


def check_pages(app: Sphinx, env: object) -> None:
    """Warn about a page that is not in the book."""
    file = Path(app.srcdir) / FILE
    plan = yaml.safe_load(file.read_text("utf-8")) if file.is_file() else None
    for page in sorted((plan or {}).keys() - app.env.found_docs):
        logger.warning("%s: no page is called %s", FILE, page)


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("doctree-read", index_sections)
    app.connect("env-check-consistency", check_pages)
