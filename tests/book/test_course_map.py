from bs4 import BeautifulSoup

from .conftest import claim, notebook

PLAN = """
parts:
  - title: Part I
    chapters:
      - {number: "01", title: The first, question: "What comes first?"}
      - {number: "02", title: The second, question: "And then?"}
"""
INDEX = "# Index\n\n```{course-map} plan.yml\n```\n"


def build_with_plan(build, tmp_path, **notebooks):
    (tmp_path / "source/notebooks").mkdir(parents=True, exist_ok=True)
    (tmp_path / "source/plan.yml").write_text(PLAN)
    return build(
        index=INDEX, **{f"notebooks/{name}": content for name, content in notebooks.items()}
    )


def test_a_chapter_in_the_book_is_linked_with_what_its_notebook_says(build, tmp_path):
    built = build_with_plan(
        build, tmp_path, **{"01_first": notebook(claim("only-one"), title="The real title")}
    )
    assert built.warnings == ""
    chapter = BeautifulSoup(built.page("index"), "html.parser").select_one("li.map-chapter")
    assert chapter.a["href"] == "notebooks/01_first.html"
    assert chapter.get_text("|", strip=True).split("|") == [
        "01",
        "The real title",
        "What comes first?",
        "25 min to read · 20 s to run · 1 claim checked",
    ]


def test_a_chapter_not_in_the_book_is_in_preparation_and_not_linked(build, tmp_path):
    built = build_with_plan(build, tmp_path)
    chapters = BeautifulSoup(built.page("index"), "html.parser").select("li.map-chapter-planned")
    assert [chapter.a for chapter in chapters] == [None, None]
    assert all("in preparation" in chapter.get_text() for chapter in chapters)


def test_the_map_follows_when_a_chapter_arrives(build, tmp_path):
    build_with_plan(build, tmp_path)
    built = build_with_plan(build, tmp_path, **{"02_second": notebook(title="Here")})
    page = BeautifulSoup(built.page("index"), "html.parser")
    assert page.select_one("li.map-chapter a").get_text() == "Here"


def test_a_notebook_that_is_not_on_the_map_is_a_warning(build, tmp_path):
    built = build_with_plan(build, tmp_path, **{"09_stray": notebook()})
    assert "notebooks/09_stray is in the book but not on the map" in built.warnings
