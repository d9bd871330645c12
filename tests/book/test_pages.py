import pytest
from bs4 import BeautifulSoup

from coursekit.book import offline
from coursekit.book.pages import LONGEST_DESCRIPTION, shorten


def description(page: str) -> list[str]:
    tags = BeautifulSoup(page, "html.parser").select("meta[name=description]")
    return [tag["content"] for tag in tags]


def test_the_first_paragraph_describes_the_page(build):
    built = build(index='# I\n\nBatches, "noise" & *more*.\n\nSecond.\n')
    assert description(built.page("index")) == ["Batches, “noise” & more."]


def test_a_page_may_describe_itself(build):
    own = "---\nmyst:\n  html_meta:\n    description: My own\n---\n# I\n\nA paragraph.\n"
    assert description(build(index=own).page("index")) == ["My own"]


def test_a_long_description_is_cut_between_words():
    text = shorten("word, " * 60)
    assert len(text) <= LONGEST_DESCRIPTION
    assert text.endswith("word…")
    assert shorten("short") == "short"


def test_mathjax_and_its_fonts_lie_beside_the_pages(build):
    home = build(index="# I\n").folder / "html/_static/mathjax"
    assert (home / offline.SCRIPT).stat().st_size > 500_000
    assert len(list((home / offline.FONTS).glob("*.woff"))) > 20


def test_a_missing_mathjax_says_what_to_install(monkeypatch):
    monkeypatch.setattr(offline, "PACKAGE", "no-such-package")
    with pytest.raises(Exception, match="MathJax is not installed; run: pip install"):
        offline.mathjax_home()
