from bs4 import BeautifulSoup

from coursekit.claims import CORRECTED, NOT_REPLICATED

from .conftest import claim, notebook

LEDGER = "# Ledger\n\n```{claims-ledger}\n```\n"


def rows(page: str) -> list[list[str]]:
    table = BeautifulSoup(page, "html.parser").select("table.ledger-table tbody tr")
    return [[cell.get_text(" ", strip=True) for cell in row.find_all("td")] for row in table]


def test_the_ledger_lists_every_claim_with_a_link_to_its_card(build):
    built = build(
        index=LEDGER,
        a=notebook(claim("first-one", "One & only."), title="Chapter A"),
        b=notebook(claim("second-one", "Two.", verdict=CORRECTED, corrects="Three."), title="B"),
    )
    assert built.warnings == ""
    assert rows(built.page("index")) == [
        ["One & only.", "proved exactly", "holds", "Chapter A"],
        ["Two. Often said: Three.", "proved exactly", "holds with a correction", "B"],
    ]
    assert 'href="a.html#claim-first-one"' in built.page("index")


def test_the_summary_counts_by_verdict_and_by_kind(build):
    chapter = notebook(
        claim("a-one"),
        claim("a-two"),
        claim("a-three", verdict=NOT_REPLICATED, corrects="It does."),
    )
    summary = BeautifulSoup(build(index=LEDGER, a=chapter).page("index"), "html.parser")
    assert summary.select_one(".ledger-summary").get_text() == (
        "3 claims. By verdict: 2 holds, 1 does not replicate here. By kind: 3 proved exactly."
    )


def test_every_choice_of_the_filter_has_rows_of_its_class_or_none(build):
    page = BeautifulSoup(
        build(index=LEDGER, a=notebook(claim("only-one"))).page("index"), "html.parser"
    )
    chosen = [
        (box["name"], box["value"])
        for box in page.select(".ledger input")
        if box.has_attr("checked")
    ]
    assert chosen == [("ledger-verdict", "all"), ("ledger-kind", "all")]
    values = {box["value"] for box in page.select(".ledger input")}
    assert {"holds", "proved-exactly"} <= values
    assert page.select_one("tbody tr.verdict-holds.kind-proved-exactly")


def test_a_changed_notebook_changes_the_ledger(build):
    build(index=LEDGER, a=notebook(claim("first-one")))
    built = build(a=notebook(claim("first-one"), claim("second-one", "New.")))
    assert [row[0] for row in rows(built.page("index"))] == ["One is one.", "New."]


def test_a_removed_notebook_leaves_the_ledger(build):
    built = build(index=LEDGER, a=notebook(claim("first-one")), b=notebook(claim("second-one")))
    (built.folder / "source/b.ipynb").unlink()
    assert len(rows(build().page("index"))) == 1


def test_a_book_without_claims_says_so(build):
    built = build(index=LEDGER)
    assert built.warnings == ""
    assert "No chapter with claims" in built.page("index")
