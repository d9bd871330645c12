from coursekit.explorables import explorable


def test_the_directive_puts_the_same_html_on_a_page_as_a_cell_stores(build):
    built = build(index="# I\n\n```{explorable} sampling\n```\n")
    assert built.warnings == ""
    assert explorable("sampling")._repr_mimebundle_()["text/html"] in built.page("index")


def test_options_are_the_first_state(build):
    built = build(index="# I\n\n```{explorable} sampling\n:batch_size: 4\n:sampling: with\n```\n")
    assert built.warnings == ""
    shown = explorable("sampling", batch_size=4, sampling="with")._repr_mimebundle_()
    assert shown["text/html"] in built.page("index")


def test_an_unknown_figure_is_an_error_that_names_it(build):
    built = build(index="# I\n\n```{explorable} no-such-figure\n```\n")
    assert "ERROR" in built.warnings
    assert "no-such-figure" in built.warnings


def test_a_state_the_figure_does_not_have_is_an_error(build):
    built = build(index="# I\n\n```{explorable} sampling\n:color: red\n```\n")
    assert "ERROR" in built.warnings
    assert "color" in built.warnings


def test_two_figures_of_a_page_share_scripts_and_styles(build):
    twice = "```{explorable} sampling\n```\n\n```{explorable} sampling\n:batch_size: 4\n```\n"
    page = build(index=f"# I\n\n{twice}\n```{{explorable}} variance\n```\n").page("index")
    assert page.count('<figure class="explorable"') == 3
    assert page.count('data-name="sampling"') == 1
    assert page.count('data-name="variance"') == 1
    assert page.count("batchByBatchExplorables") == 1
    assert page.count(".explorable-still") == page.split("<figure", 2)[1].count(".explorable-still")
