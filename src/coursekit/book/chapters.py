"""The head of a chapter: below its title, the minutes to read, the seconds to run, device, claims.

At its end: when, on which versions and on what machine all of its cells last ran.

The link to Colab that a notebook carries for readers elsewhere is left out: the page has one above.
"""

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from .claims import domain_of
from .stored import StoredNotebook

DEVICES = {"cpu": "no GPU needed", "gpu": "needs a GPU"}


def facts(notebook: StoredNotebook) -> list[str]:
    """What a reader wants to know before beginning, each in a few words."""
    metadata: dict[str, Any] = notebook.metadata
    found = []
    if "minutes_read" in metadata:
        found.append(f"{metadata['minutes_read']} min to read")
    if "seconds_run" in metadata:
        found.append(f"{metadata['seconds_run']} s to run")
    if "device" in metadata:
        found.append(DEVICES.get(metadata["device"], metadata["device"]))
    count = len(notebook.claims)
    return [*found, "1 claim checked" if count == 1 else f"{count} claims checked"]


def without_colab_link(doctree: nodes.document) -> None:
    """Take out paragraphs that are nothing but the link to Colab."""
    for paragraph in list(doctree.findall(nodes.paragraph)):
        links = list(paragraph.findall(nodes.reference))
        if paragraph.astext() == "Open in Colab" and len(links) == 1:
            paragraph.parent.remove(paragraph)


def add_facts(app: Sphinx, doctree: nodes.document) -> None:
    """Put the facts below the title of a notebook that has any."""
    notebook = domain_of(app.env).notebooks.get(app.env.docname)
    title = next(iter(doctree.findall(nodes.title)), None)
    if notebook is None or not notebook.metadata or title is None:
        return
    without_colab_link(doctree)
    line = " · ".join([f"Chapter {notebook.metadata.get('chapter', '')}", *facts(notebook)])
    place = title.parent.index(title) + 1
    title.parent.insert(place, nodes.paragraph(text=line, classes=["chapter-facts"]))
    if "verified" in notebook.metadata:
        title.parent += nodes.paragraph(
            text=last_verified(notebook.metadata["verified"]), classes=["chapter-verified"]
        )


def last_verified(run: dict[str, str]) -> str:
    """The sentence about a chapter's last run."""
    return (
        f"Last verified {run['on']}: every cell ran, with {run['versions']}, on {run['machine']}."
    )


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.connect("doctree-read", add_facts)
