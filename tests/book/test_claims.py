from .conftest import claim, notebook

INDEX = "# Index\n\nSee {claim}`mean-is-exact`, or {claim}`its twin <mean-is-exact>`.\n"


def test_a_role_links_to_the_card_of_the_claim(build):
    built = build(index=INDEX, chapter=notebook(claim("mean-is-exact", "The mean is exact.")))
    assert built.warnings == ""
    assert built.page("index").count('href="chapter.html#claim-mean-is-exact"') == 2
    assert "The mean is exact. (holds)" in built.page("index")
    assert "its twin" in built.page("index")
    assert 'id="claim-mean-is-exact"' in built.page("chapter")


def test_a_role_in_a_notebook_links_as_well(build):
    second = notebook(title="Second")
    second["cells"][0]["source"] = "# Second\n\nAs {claim}`mean-is-exact` says."
    built = build(index="# I\n", a=notebook(claim("mean-is-exact")), b=second)
    assert built.warnings == ""
    assert 'href="a.html#claim-mean-is-exact"' in built.page("b")


def test_an_id_that_no_cell_states_is_a_warning_that_names_the_page(build):
    built = build(index="# I\n\nLine.\n\nSee {claim}`not-there`.\n")
    assert "index.md:5: WARNING: no cell states the claim 'not-there'" in built.warnings


def test_an_unknown_id_is_warned_of_again_when_nothing_has_changed(build):
    files = {"index": "# I\n\nSee {claim}`not-there`.\n"}
    build(**files)
    assert "not-there" in build().warnings


def test_an_unknown_id_is_forgiven_once_a_cell_states_it(build):
    build(index=INDEX, chapter=notebook())
    assert build(chapter=notebook(claim("mean-is-exact"))).warnings == ""


def test_an_id_used_twice_names_both_cells(build):
    built = build(
        index="# I\n", a=notebook(claim("same-id")), b=notebook(claim("other-id"), claim("same-id"))
    )
    assert "'same-id' is made twice: a.ipynb, cell 2 and b.ipynb, cell 3" in built.warnings


def test_an_id_used_twice_in_one_notebook_is_found_too(build):
    built = build(index="# I\n", a=notebook(claim("same-id"), claim("same-id")))
    assert "a.ipynb, cell 2 and a.ipynb, cell 3" in built.warnings


def test_a_claim_cell_without_output_says_how_to_get_it(build):
    built = build(index="# I\n", a=notebook(('claims.measured("never-run", ratio=r)', None)))
    assert "a.ipynb, cell 2: the claim 'never-run' has no stored output" in built.warnings
    assert "coursekit refresh a.ipynb" in built.warnings


def test_a_page_is_written_again_when_the_claim_it_names_moves(build):
    build(index=INDEX, other="# O\n", a=notebook(claim("mean-is-exact")), b=notebook())
    built = build(a=notebook(), b=notebook(claim("mean-is-exact")))
    assert "index" in built.written
    assert "other" not in built.written
    assert 'href="b.html#claim-mean-is-exact"' in built.page("index")


def test_nothing_is_written_again_when_nothing_changed(build):
    build(index=INDEX, a=notebook(claim("mean-is-exact")))
    assert not {"index", "a"} & set(build().written)


def test_search_finds_claims(build):
    built = build(index="# I\n", a=notebook(claim("mean-is-exact", "It is surprisingly right.")))
    index = (built.folder / "html/searchindex.js").read_text()
    assert '"mean-is-exact"' in index
    assert '"surprisingli"' in index  # the stem of a word of the statement
