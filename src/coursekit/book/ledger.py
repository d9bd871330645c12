"""The claims ledger: every claim of the course in one table, generated at each build."""

from collections import Counter
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.docutils import SphinxDirective

from coursekit.claims import VERDICTS

from .claims import ClaimDomain, domain_of
from .stored import StoredClaim

KINDS = ("proved exactly", "tested statistically", "measured")


class LedgerPlace(nodes.General, nodes.Element):  # type: ignore[misc]  # docutils has no types
    """Where the table goes once every notebook has been read."""


class LedgerDirective(SphinxDirective):
    """``{claims-ledger}``: the table of all claims, with counts and a filter."""

    def run(self) -> list[nodes.Node]:
        """Leave a place for the table."""
        domain_of(self.env).note_use(self.env.docname, "*")
        return [LedgerPlace()]


class FillLedger(SphinxPostTransform):
    """Replace the place by the table, before Sphinx resolves the links in it."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        """Build the table from the claims that the notebooks store."""
        for place in list(self.document.findall(LedgerPlace)):
            place.replace_self(ledger(domain_of(self.env), self.env.titles))


def ledger(domain: ClaimDomain, titles: dict[str, nodes.title]) -> list[nodes.Node]:
    """The summary, the filter and the table."""
    claims = list(domain.claims())
    if not claims:
        return [nodes.paragraph(text="No chapter with claims is in the book yet.")]
    box = nodes.container(classes=["ledger"])
    rows = [_row(docname, claim, titles[docname].astext()) for docname, claim in claims]
    box += [_summary([claim for _, claim in claims]), _filter(), _table(rows)]
    return [box]


def slug(text: str) -> str:
    """A verdict or a kind as a class name."""
    return text.replace(" ", "-")


def _summary(claims: list[StoredClaim]) -> nodes.paragraph:
    verdicts = Counter(claim.verdict for claim in claims)
    kinds = Counter(claim.kind for claim in claims)
    total = "1 claim" if len(claims) == 1 else f"{len(claims)} claims"

    def counts(names: tuple[str, ...], counter: Counter[str]) -> str:
        return ", ".join(f"{counter[name]} {name}" for name in names if counter[name])

    text = f"{total}. By verdict: {counts(VERDICTS, verdicts)}. By kind: {counts(KINDS, kinds)}."
    return nodes.paragraph(text=text, classes=["ledger-summary"])


def _filter() -> nodes.raw:
    """Radio buttons; the style sheet hides rows by them, so the filter needs no script."""
    groups = []
    for name, legend, values in (("verdict", "Verdict", VERDICTS), ("kind", "Kind", KINDS)):
        choices = [
            f'<label><input type="radio" name="ledger-{name}" value="{slug(value)}"'
            f"{' checked' if value == 'all' else ''}> {value}</label>"
            for value in ("all", *values)
        ]
        groups.append(f"<fieldset><legend>{legend}</legend>{''.join(choices)}</fieldset>")
    return nodes.raw("", f'<form class="ledger-filter">{"".join(groups)}</form>', format="html")


def _row(docname: str, claim: StoredClaim, title: str) -> nodes.row:
    link = addnodes.pending_xref(
        "", nodes.inline(text=title), refdomain="claim", reftype="claim", reftarget=claim.id
    )
    statement: list[nodes.Node] = [nodes.paragraph(text=claim.statement)]
    if claim.corrects:
        statement.append(
            nodes.paragraph(text=f"Often said: {claim.corrects}", classes=["often-said"])
        )
    cells = [
        statement,
        [nodes.paragraph(text=claim.kind)],
        [nodes.paragraph(text=claim.verdict, classes=["ledger-verdict"])],
        [nodes.paragraph("", "", link)],
    ]
    row = nodes.row(classes=[f"verdict-{slug(claim.verdict)}", f"kind-{slug(claim.kind)}"])
    row += [nodes.entry("", *cell) for cell in cells]
    return row


def _table(rows: list[nodes.row]) -> nodes.table:
    head = nodes.row()
    head += [
        nodes.entry("", nodes.paragraph(text=text))
        for text in ("Statement", "Kind", "Verdict", "Chapter")
    ]
    group = nodes.tgroup(cols=4)
    group += [nodes.colspec(colwidth=width) for width in (52, 14, 14, 20)]
    group += [nodes.thead("", head), nodes.tbody("", *rows)]
    return nodes.table("", group, classes=["ledger-table"])


def setup(app: Sphinx) -> None:
    """Connect to Sphinx."""
    app.add_node(LedgerPlace)
    app.add_directive("claims-ledger", LedgerDirective)
    app.add_post_transform(FillLedger)
