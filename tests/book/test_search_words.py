"""Words for the search lead to sections, and a name that is wrong stops the build."""

import json

import pytest

PAGE = "# A page\n\nWords.\n\n## What is lost?\n\nMore words.\n"


@pytest.fixture
def with_words(build, tmp_path):
    def build_(words: str):
        (tmp_path / "source" / "book").mkdir(parents=True)
        (tmp_path / "source" / "book" / "search.yml").write_text(words)
        return build(index=PAGE)

    return build_


def test_the_search_knows_the_words_and_their_section(with_words):
    built = with_words("index:\n  what-is-lost: [drop_last, last batch]\n")
    assert built.warnings == ""
    index = (built.folder / "html" / "searchindex.js").read_text()
    entries = json.loads(index.removeprefix("Search.setIndex(").removesuffix(")"))["indexentries"]
    assert entries.keys() == {"drop_last", "last batch"}
    assert entries["drop_last"] == [[0, "what-is-lost", True]]


def test_a_section_that_is_not_there_is_a_warning(with_words):
    built = with_words("index:\n  what-is-found: [x]\n")
    assert "index has no section #what-is-found" in built.warnings


def test_a_page_that_is_not_there_is_a_warning(with_words):
    assert "no page is called other" in with_words("other:\n  a: [x]\n").warnings


def test_without_the_file_nothing_happens(build):
    assert build(index=PAGE).warnings == ""
