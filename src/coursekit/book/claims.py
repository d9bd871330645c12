"""Claims in the book: the role ``claim`` and the checks that keep prose and cells together.

The claims of all notebooks are read from the stored outputs at the start of each build. A claim
that two cells make, a cell that makes a claim but holds no output, and a page that names a claim
which no cell makes are warnings, and the book is built with warnings as errors.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders import Builder
from sphinx.domains import Domain, ObjType
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

from .stored import StoredClaim, StoredNotebook, read

logger = logging.getLogger(__name__)


class ClaimDomain(Domain):
    """The claims of the course, by id, with the pages that speak of them."""

    name = "claim"
    label = "Claims"
    object_types = {"claim": ObjType("claim", "claim")}  # noqa: RUF012  (Sphinx's own form)
    initial_data = {"notebooks": {}, "users": {}}  # noqa: RUF012
    dangling_warnings = {  # noqa: RUF012
        "claim": "no cell states the claim %(target)r; write the cell that checks it, "
        "or correct the id"
    }
    data_version = 1

    @property
    def notebooks(self) -> dict[str, StoredNotebook]:
        """What each notebook of the book stores, by document name."""
        return self.data["notebooks"]  # type: ignore[no-any-return]

    @property
    def users(self) -> dict[str, set[str]]:
        """The ids each document speaks of; a document with the whole ledger has ``*``."""
        return self.data["users"]  # type: ignore[no-any-return]

    def claims(self) -> Iterator[tuple[str, StoredClaim]]:
        """Every claim with the document that makes it, in the order of the files."""
        for docname in sorted(self.notebooks):
            for claim in self.notebooks[docname].claims:
                yield docname, claim

    def note_use(self, docname: str, id: str) -> None:
        """Remember that a page must be written again when claims change."""
        self.users.setdefault(docname, set()).add(id)

    def clear_doc(self, docname: str) -> None:
        """Forget what a page spoke of, before Sphinx reads it again."""
        self.users.pop(docname, None)

    def merge_domaindata(self, docnames: list[str], otherdata: dict[str, Any]) -> None:
        """Take over what a parallel reader noted."""
        for docname in set(docnames) & otherdata["users"].keys():
            self.users[docname] = otherdata["users"][docname]

    def resolve_xref(
        self,
        env: BuildEnvironment,
        fromdocname: str,
        builder: Builder,
        typ: str,
        target: str,
        node: addnodes.pending_xref,
        contnode: nodes.Element,
    ) -> nodes.reference | None:
        """Link a role to the card of the claim it names."""
        for docname, claim in self.claims():
            if claim.id == target:
                title = f"{claim.statement} ({claim.verdict})"
                anchor = f"claim-{claim.id}"
                return make_refnode(builder, fromdocname, docname, anchor, contnode, title)
        return None

    def get_objects(self) -> Iterable[tuple[str, str, str, str, str, int]]:
        """Let the search of the book find claims by id; it reads their statements on the pages."""
        for docname, claim in self.claims():
            yield claim.id, claim.id, "claim", docname, f"claim-{claim.id}", 1


class ClaimRole(XRefRole):
    """``{claim}`unbiased-all-batches` `` links to the card of that claim."""

    def process_link(
        self,
        env: BuildEnvironment,
        refnode: nodes.Element,
        has_explicit_title: bool,
        title: str,
        target: str,
    ) -> tuple[str, str]:
        """Send the reference to the domain and note which page speaks of the claim."""
        refnode["refdomain"] = ClaimDomain.name
        refnode["classes"].append("claim-link")
        domain_of(env).note_use(env.docname, target)
        return title, target


def domain_of(env: BuildEnvironment) -> ClaimDomain:
    """The claim domain of a build."""
    domain = env.get_domain(ClaimDomain.name)
    assert isinstance(domain, ClaimDomain)
    return domain


def read_notebooks(
    app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]
) -> set[str]:
    """Read every notebook; return the pages that must be written again for what changed in them."""
    domain = domain_of(env)
    before = dict(domain.notebooks)
    domain.notebooks.clear()
    for docname in sorted(env.found_docs):
        path = Path(env.doc2path(docname))
        if path.suffix == ".ipynb":
            domain.notebooks[docname] = read(path)
    warn(domain, env)
    if domain.notebooks != before:
        return set(domain.users)
    known = {claim.id for _, claim in domain.claims()} | {"*"}
    return {docname for docname, ids in domain.users.items() if ids - known}


def warn(domain: ClaimDomain, env: BuildEnvironment) -> None:
    """Say which claims are made twice and which have no stored output."""
    first: dict[str, str] = {}
    for docname, notebook in sorted(domain.notebooks.items()):
        file = env.doc2path(docname, base=False)
        for claim in notebook.claims:
            place = f"{file}, cell {claim.cell}"
            if claim.id in first:
                logger.warning(
                    "the claim %r is made twice: %s and %s; give one of them another id",
                    claim.id,
                    first[claim.id],
                    place,
                    location=docname,
                )
            first.setdefault(claim.id, place)
        for cell, id in notebook.unanswered:
            logger.warning(
                "%s, cell %d: the claim%s has no stored output; run `coursekit refresh %s`",
                file,
                cell,
                f" {id!r}" if id else "",
                file,
                location=docname,
            )


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_domain(ClaimDomain)
    app.add_role("claim", ClaimRole(innernodeclass=nodes.inline, warn_dangling=True))
    app.connect("env-get-outdated", read_notebooks)
