"""What a reader does: look for a word, choose a theme, filter the ledger, follow a claim."""

import pytest

from .conftest import PAGES, ROOT

INDEX = PAGES[0]


def test_the_theme_switch_changes_the_theme_and_remembers(site, open_page):
    page = open_page(site.http(INDEX)).page
    seen = []
    for _ in range(3):
        page.locator(".theme-switch-button").first.click()
        seen.append(page.evaluate("document.documentElement.dataset.mode"))
    assert sorted(seen) == ["auto", "dark", "light"]
    page.evaluate("localStorage.setItem('mode', 'dark'); localStorage.setItem('theme', 'dark')")
    page.goto(site.http("book/reference/claims"))
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_search_works_offline(site, open_page):
    visit = open_page(site.http("search") + "?q=unbiased")
    visit.page.wait_for_selector("#search-results li a")
    assert visit.external == []
    assert visit.console == []
    found = visit.page.locator("#search-results li a")
    first = [found.nth(i).get_attribute("href") for i in range(min(5, found.count()))]
    assert any("02_unbiased" in href for href in first)


@pytest.mark.parametrize(
    ("words", "section"),
    [
        ("drop_last", "06_dataloader.html#what-happens-to-the-last-short-batch"),
        ("why divide by batch size", "01_three_flavors.html#the-sum-instead-of-the-mean"),
        ("noise scale", "03_variance.html#how-does-the-noise-change-while-the-network-learns"),
        ("learning rate batch size", "08_learning_rate.html#how-much-longer-should-a-step-be"),
        ("paged attention", "13_kv_cache.html#where-does-the-memory-go"),
    ],
)
def test_what_readers_type_leads_to_the_section_that_answers(site, open_page, words, section):
    page = open_page(site.http("search") + "?q=" + words.replace(" ", "+")).page
    page.wait_for_selector("#search-results li a")
    found = page.locator("#search-results li > a").all()[:3]
    assert any(link.get_attribute("href").endswith(section) for link in found)


def test_the_ledger_filters_by_verdict_and_by_kind(site, open_page):
    page = open_page(site.http("book/reference/claims"), java_script_enabled=False).page
    rows = page.locator(".ledger-table tbody tr")
    everything = rows.count()
    page.get_by_label("holds with a correction").check()
    shown = page.locator(".ledger-table tbody tr:visible")
    assert 0 < shown.count() < everything
    assert set(shown.locator(".ledger-verdict").all_inner_texts()) == {"holds with a correction"}
    page.get_by_label("measured").check()
    assert all("kind-measured" in row.get_attribute("class") for row in shown.all())


def test_a_link_of_the_ledger_brings_the_card_into_view(site, open_page):
    page = open_page(site.http("book/reference/claims")).page
    link = page.locator(".ledger-table tbody a").last
    link.click()
    page.wait_for_selector(".claim:target")
    box = page.locator(".claim:target").bounding_box()
    assert 0 <= box["y"] < 900


def test_the_skip_link_is_the_first_stop_of_the_keyboard(site, open_page):
    page = open_page(site.http(INDEX)).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#main-content"


def test_code_and_tables_scroll_by_keyboard_on_a_phone(site, open_page):
    visit = open_page(site.http("notebooks/02_unbiased"), width=320)
    visit.settle()
    stuck = visit.page.evaluate(
        """() => [...document.querySelectorAll("article *")].filter((node) =>
          node.scrollWidth > node.clientWidth + 1
          && ["auto", "scroll"].includes(getComputedStyle(node).overflowX)
          && !node.matches("mjx-container, mjx-container *")
          && node.tabIndex < 0).map((node) => node.outerHTML.slice(0, 120))"""
    )
    assert stuck == []


def test_a_figure_has_on_a_phone_the_width_its_words_are_tried_at(site, open_page):
    page = open_page(site.http("notebooks/04_shuffling"), width=320).page
    assert page.locator("figure.explorable").first.bounding_box()["width"] >= 304


def test_colors_are_the_same_everywhere():
    """The page, the static figures and the explorables have one set of values."""
    from coursekit.figures.style import CSS_VARIABLES

    page = (ROOT / "book/_static/css/tokens.css").read_text("utf-8")
    light, dark = page.split("html[data-theme")[0], page.split('html[data-theme="dark"]')[1]
    dark = dark.split("}")[0]
    live = (ROOT / "src/coursekit/explorables/style.css").read_text("utf-8")
    for value, name in CSS_VARIABLES.items():
        assert f"{name}: {value};" in light
    for theme, tokens in (("light", light), ("dark", dark)):
        rule = live.split(f"[data-page={theme}]")[1].split("}")[0]
        for name in ("--ck-blue", "--ck-vermillion", "--ck-ink", "--ck-soft", "--ck-line"):
            value = tokens.split(f"{name}: ")[1].split(";")[0]
            assert f"{name}: {value}" in rule, (theme, name)
