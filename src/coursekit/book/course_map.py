"""The map of the course: parts and chapters, each with its question and its minutes.

``book/course.yml`` names the parts, the chapters and their questions. A chapter that is in the book
is linked, and its minutes come from its notebook; one that is not is shown as being in preparation.
"""

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from .chapters import facts
from .claims import ClaimDomain, domain_of

logger = logging.getLogger(__name__)


class MapPlace(nodes.General, nodes.Element):  # type: ignore[misc]  # docutils has no types
    """Where the map goes once every notebook has been read; ``parts`` holds the plan."""


class CourseMapDirective(SphinxDirective):
    """``{course-map} course.yml``: the parts and chapters that file names."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Read the plan and leave a place for the map."""
        _, path = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(path)
        domain_of(self.env).note_use(self.env.docname, "*")
        plan = yaml.safe_load(Path(path).read_text("utf-8"))
        place = MapPlace(parts=plan["parts"])
        self.set_source_info(place)
        return [place]


class FillMap(SphinxPostTransform):
    """Replace the place by the map, before Sphinx resolves the links in it."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        """Build the map from the plan and from the notebooks that are in the book."""
        for place in list(self.document.findall(MapPlace)):
            domain, parts = domain_of(self.env), place["parts"]
            planned = {f"notebooks/{chapter['file']}" for p in parts for chapter in p["chapters"]}
            for stray in sorted(set(domain.notebooks) - planned):
                logger.warning("%s is in the book but not on the map", stray, location=place)
            place.replace_self([_part(part, domain) for part in parts])


def _part(part: dict[str, Any], domain: ClaimDomain) -> nodes.container:
    box = nodes.container(classes=["map-part"])
    box += nodes.paragraph(text=part["title"], classes=["map-part-title"])
    chapters = nodes.enumerated_list(classes=["map-chapters"])
    chapters += [_chapter(chapter, domain) for chapter in part["chapters"]]
    box += chapters
    return box


def _chapter(chapter: dict[str, str], domain: ClaimDomain) -> nodes.list_item:
    docname = f"notebooks/{chapter['file']}"
    number = chapter["file"].split("_")[0]
    notebook = domain.notebooks.get(docname)
    item = nodes.list_item(classes=["map-chapter" if notebook else "map-chapter-planned"])
    title = nodes.paragraph(classes=["map-title"])
    title += nodes.inline(text=f"{number} ", classes=["map-number"])
    if notebook:
        label = nodes.inline(text=notebook.title)
        title += addnodes.pending_xref(
            "", label, refdomain="std", reftype="doc", reftarget=f"/{docname}", refexplicit=True
        )
    else:
        title += nodes.inline(text=chapter["title"])
    item += [title, nodes.paragraph(text=chapter["question"], classes=["map-question"])]
    about = " · ".join(facts(notebook)) if notebook else "in preparation"
    item += nodes.paragraph(text=about, classes=["map-about"])
    return item


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_node(MapPlace)
    app.add_directive("course-map", CourseMapDirective)
    app.add_post_transform(FillMap)
