"""Every link inside the book leads somewhere, down to the anchor."""

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from .conftest import PAGES


@cache
def soup(file: Path) -> BeautifulSoup:
    return BeautifulSoup(file.read_text("utf-8"), "html.parser")


@cache
def anchors(file: Path) -> frozenset[str]:
    return frozenset(tag["id"] for tag in soup(file).select("[id]"))


def broken(site, page: str) -> list[str]:
    here = site.folder / f"{page}.html"
    wrong = []
    for tag in soup(here).select("[href], [src]"):
        link = tag.get("href") or tag.get("src")
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (here.parent / unquote(parts.path)).resolve() if parts.path else here
        # An explorable's link carries a state after its anchor: #explorable-sampling?batch_size=1
        anchor = unquote(parts.fragment).partition("?")[0]
        if not target.is_file():
            wrong.append(f"{link}: no such file")
        elif anchor and target.suffix == ".html" and anchor not in anchors(target):
            wrong.append(f"{link}: no such anchor")
    return wrong


@pytest.mark.parametrize("page", [*PAGES, "search", "genindex"])
def test_no_link_is_broken(site, page):
    assert broken(site, page) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_id_is_used_twice(site, page):
    ids = [tag["id"] for tag in soup(site.folder / f"{page}.html").select("[id]:not(svg [id])")]
    assert sorted({id for id in ids if ids.count(id) > 1}) == []


def test_the_front_door_leads_to_the_first_page(site):
    assert f"url={PAGES[0]}.html" in (site.folder / "index.html").read_text("utf-8")
