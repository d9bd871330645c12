"""The map of the course: parts and chapters, each with its question and its minutes.

``book/course.yml`` names the parts, the chapters and their questions. A chapter that is in the book
is linked, and its minutes come from its notebook; one that is not is shown as being in preparation.
"""

from pathlib import Path, PurePosixPath
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
from .stored import StoredNotebook

logger = logging.getLogger(__name__)

Written = tuple[str, StoredNotebook]
"""A chapter that is in the book: its document and what its notebook says."""


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
            written = by_number(domain_of(self.env))
            planned = {chapter["number"] for part in place["parts"] for chapter in part["chapters"]}
            for stray in sorted(written.keys() - planned):
                logger.warning(
                    "%s is in the book but not on the map", written[stray][0], location=place
                )
            place.replace_self([_part(part, written) for part in place["parts"]])


def by_number(domain: ClaimDomain) -> dict[str, Written]:
    """The notebooks of the book by what their file names begin with: "02" for 02_unbiased."""
    return {
        PurePosixPath(docname).name.split("_")[0]: (docname, notebook)
        for docname, notebook in domain.notebooks.items()
    }


def _part(part: dict[str, Any], written: dict[str, Written]) -> nodes.container:
    box = nodes.container(classes=["map-part"])
    box += nodes.paragraph(text=part["title"], classes=["map-part-title"])
    chapters = nodes.enumerated_list(classes=["map-chapters"])
    chapters += [_chapter(chapter, written.get(chapter["number"])) for chapter in part["chapters"]]
    box += chapters
    return box


def _chapter(chapter: dict[str, str], written: Written | None) -> nodes.list_item:
    item = nodes.list_item(classes=["map-chapter" if written else "map-chapter-planned"])
    title = nodes.paragraph(classes=["map-title"])
    title += nodes.inline(text=f"{chapter['number']} ", classes=["map-number"])
    if written:
        docname, notebook = written
        about = " · ".join(facts(notebook))
        label = nodes.inline(text=notebook.title)
        title += addnodes.pending_xref(
            "", label, refdomain="std", reftype="doc", reftarget=f"/{docname}", refexplicit=True
        )
    else:
        about = "in preparation"
        title += nodes.inline(text=chapter["title"])
    item += [title, nodes.paragraph(text=chapter["question"], classes=["map-question"])]
    item += nodes.paragraph(text=about, classes=["map-about"])
    return item


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_node(MapPlace)
    app.add_directive("course-map", CourseMapDirective)
    app.add_post_transform(FillMap)
