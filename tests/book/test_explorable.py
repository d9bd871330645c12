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
