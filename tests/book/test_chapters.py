from bs4 import BeautifulSoup

from .conftest import claim, notebook


def test_the_facts_stand_below_the_title(build):
    chapter = notebook(claim("only-one"), title="A title")
    chapter["metadata"]["coursekit"] |= {"chapter": "02", "device": "cpu"}
    page = BeautifulSoup(build(index="# I\n", a=chapter).page("a"), "html.parser")
    facts = page.select_one("h1 + .chapter-facts")
    assert facts.get_text() == (
        "Chapter 02 · 25 min to read · 20 s to run · no GPU needed · 1 claim checked"
    )
    assert page.select_one("meta[name=description]")["content"] == "What a batch does."


def test_a_notebook_without_metadata_has_none(build):
    plain = notebook()
    del plain["metadata"]["coursekit"]
    assert "chapter-facts" not in build(index="# I\n", a=plain).page("a")


def test_the_facts_follow_the_notebook(build):
    build(index="# I\n", a=notebook())
    assert "1 claim checked" in build(a=notebook(claim("only-one"))).page("a")


def test_the_link_for_readers_elsewhere_is_left_out(build):
    chapter = notebook()
    link = "[Open in Colab](https://colab.research.google.com/x.ipynb)"
    chapter["cells"][0]["source"] = f"# A title\n\n{link}\n\nThe promise. See {link}."
    page = BeautifulSoup(build(index="# I\n", a=chapter).page("a"), "html.parser")
    assert len(page.select("a[href^='https://colab']")) == 1
    assert page.select_one("meta[name=description]")["content"].startswith("The promise.")


def test_a_chapter_ends_with_when_and_where_it_was_last_verified(build):
    chapter = notebook(claim("only-one"))
    run = {"on": "2026-11-26", "versions": "Python 3.11.7, NumPy 2.4.6", "machine": "a machine"}
    chapter["metadata"]["coursekit"]["verified"] = run
    page = BeautifulSoup(build(index="# I\n", a=chapter).page("a"), "html.parser")
    assert page.select_one(".chapter-verified").get_text() == (
        "Last verified 2026-11-26: every cell ran, with Python 3.11.7, NumPy 2.4.6, on a machine."
    )
