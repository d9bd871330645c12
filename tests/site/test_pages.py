"""Each page of the book in a real browser, as different readers meet it."""

import gzip

import pytest

from coursekit.book.pages import FONTS

from .conftest import CHAPTERS, CONFIG, PAGES

SCRIPT_BUDGET = 40 * 1024  # bytes of our own JavaScript on a page, as it stands there
PAGE_BUDGET = 800_000  # bytes, compressed: the page and everything it asks for

READY = """() => {
  const math = document.querySelectorAll(".math").length;
  const figures = [...document.querySelectorAll("figure[data-explorable]")];
  return document.querySelectorAll("mjx-container").length === math
    && figures.every((figure) => figure.explorable);
}"""

# Axe compares colors word by word, and a chapter has thousands of words of highlighted code in some
# twenty looks. One word of each look stays as it is; the others lose their span, not their text.
ONE_WORD_OF_EACH_LOOK = """() => {
  const seen = new Set(), again = [];
  for (const span of document.querySelectorAll(":is(.highlight pre, dt.sig) span")) {
    if (span.getAttributeNames().some((name) => name !== "class")) continue;
    const { color, fontSize, fontWeight } = getComputedStyle(span);
    const look = [color, fontSize, fontWeight];
    for (let node = span; node; node = node.parentElement) {
      const { backgroundColor, opacity } = getComputedStyle(node);
      look.push(backgroundColor, opacity);
    }
    if (seen.has(look.join())) again.push(span);
    seen.add(look.join());
  }
  for (const span of again) span.replaceWith(...span.childNodes);
}"""

COLORS = ("color-contrast", "link-in-text-block")  # the rules that a theme can break


def check(site, visit, *, axe=True, rules=()):
    """What holds for every page, however it is opened; the page is ready afterwards."""
    visit.page.wait_for_function(READY)
    visit.settle()
    assert visit.external == []
    assert visit.console == []
    assert visit.overflow() == 0
    files = {site.path_of(url) for url in visit.requests if url.startswith(("file", "http"))}
    assert [file for file in files if not file.is_file()] == []
    assert sum(len(gzip.compress(file.read_bytes(), 6)) for file in files) <= PAGE_BUDGET
    ours = "script[type='text/explorable'], script[type='module']"
    scripts = visit.page.locator(ours).evaluate_all("all => all.map((one) => one.textContent)")
    assert sum(len(script.encode()) for script in scripts) <= SCRIPT_BUDGET
    if axe:  # last: it asks for style sheets once more, in its own way
        visit.page.evaluate(ONE_WORD_OF_EACH_LOOK)
        assert visit.axe(rules=rules) == []


@pytest.mark.parametrize("page", PAGES)
def test_on_a_desktop_over_http_and_on_paper(site, open_page, page):
    visit = open_page(site.http(page))
    check(site, visit)
    assert visit.page.locator("h1:visible").count() == 1
    assert visit.page.locator("html").get_attribute("lang") == "en"
    assert CONFIG["title"] in visit.page.title()
    description = visit.page.locator("meta[name=description]")
    assert description.count() == 1
    assert 20 < len(description.get_attribute("content")) <= 180
    visit.page.set_viewport_size({"width": 760, "height": 900})
    visit.page.emulate_media(media="print")
    for furniture in ("#pst-primary-sidebar", ".bd-header-article", ".prev-next-footer"):
        assert visit.page.locator(f"{furniture}:visible").count() == 0
    assert visit.page.locator("article h1:visible").count() == 1
    assert visit.overflow() == 0


@pytest.mark.parametrize("page", PAGES)
def test_from_a_file_in_the_dark(site, open_page, page):
    visit = open_page(site.file(page), color_scheme="dark")
    check(site, visit, rules=COLORS)
    assert visit.page.evaluate("document.documentElement.dataset.theme") == "dark"


@pytest.mark.parametrize("page", PAGES)
def test_on_a_phone(site, open_page, page):
    visit = open_page(site.http(page), width=320, height=640, color_scheme="dark")
    check(site, visit, axe=False)
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.page.emulate_media(color_scheme="light")
    check(site, visit)


@pytest.mark.parametrize("page", PAGES)
def test_without_javascript(site, open_page, page):
    visit = open_page(site.file(page), java_script_enabled=False)
    assert visit.external == []
    assert visit.page.locator("h1:visible").count() == 1
    for figure in visit.page.locator("figure[data-explorable]").all():
        assert figure.locator(".explorable-still svg.picture:visible").count() == 1
        assert figure.locator(".explorable-live").count() == 0


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_chapter_shows_its_facts_and_opens_in_colab(site, open_page, page):
    opened = open_page(site.file(page), java_script_enabled=False).page
    facts = opened.locator("h1 + .chapter-facts").inner_text()
    for part in ("Chapter", "min to read", "s to run", "claims checked"):
        assert part in facts
    where = CONFIG["repository"]
    notebook = (
        f"{where['url'].removeprefix('https://github.com/')}/blob/{where['branch']}/{page}.ipynb"
    )
    link = opened.get_by_role("link", name="Open in Colab")
    assert link.count() == 1
    assert link.get_attribute("href") == f"https://colab.research.google.com/github/{notebook}"


@pytest.mark.parametrize("page", ["genindex", "search", "py-modindex"])
def test_pages_that_sphinx_makes_fit_a_phone(site, open_page, page):
    assert open_page(site.http(page), width=320).overflow() == 0


def test_a_long_name_in_the_reference_may_break_anywhere(site, open_page):
    """Firefox breaks nothing inside what must not wrap, and such names are wider than a phone."""
    page = open_page(site.http("book/reference/api/numpy"), width=320).page
    found = page.locator("dt.sig .pre").evaluate_all(
        "(names) => names.map((name) => getComputedStyle(name))"
        ".map((style) => `${style.whiteSpace} ${style.overflowWrap}`)"
    )
    assert set(found) == {"normal anywhere"}


def test_fonts_are_asked_for_before_the_styles_that_name_them(site, open_page):
    """Else a page is drawn in another font first, and jumps under its reader."""
    visit = open_page(site.http("notebooks/02_unbiased"))
    asked = visit.page.evaluate(
        "performance.getEntriesByType('resource')"
        ".filter((entry) => entry.name.endsWith('.woff2') && entry.initiatorType === 'link')"
        ".map((entry) => entry.name.split('/').pop())"
    )
    assert sorted(asked) == sorted(FONTS)
