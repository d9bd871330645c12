"""What `explorable` hands to a notebook, and what it says when it cannot."""

from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pytest

from coursekit.errors import CourseError
from coursekit.explorables import bundle, explorable, registry


def compressed(text: str) -> int:
    return len(gzip.compress(text.encode("utf-8"), 9))


def test_bundle_of_a_notebook_output(name: str) -> None:
    data = explorable(name)._repr_mimebundle_(include=None, exclude=None)
    assert sorted(data) == ["text/html", "text/plain"]
    assert data == explorable(name)._repr_mimebundle_(), "the same text every time"
    assert data["text/plain"] == registry.mirror(name).describe(registry.mirror(name).DEFAULTS)


def test_html_needs_nothing_from_outside(name: str) -> None:
    html = explorable(name)._repr_mimebundle_()["text/html"]
    assert not re.search(r"https?:|//[a-z]|<img|<link|url\(|@import", html)
    assert html.count("<script") == html.count("</script>") == 2


def test_size_as_shipped(name: str) -> None:
    assert compressed(bundle.module(name)) <= 8 * 1024
    assert compressed(bundle.host()) <= 1.2 * 1024
    assert compressed(bundle.style()) <= 2 * 1024


def test_a_changed_state_is_in_the_output_and_in_the_words() -> None:
    shown = explorable("sampling", batch_size=3, draws=5)
    html = shown._repr_mimebundle_()["text/html"]
    assert repr(shown).startswith("56 batches of 3 are possible")
    state = re.search(r"data-state='([^']*)'|data-state=\"([^\"]*)\"", html)
    assert json.loads(state[2].replace("&quot;", '"'))["batch_size"] == 3
    assert 'id="explorable-sampling-batch_size-3-draws-5"' in html


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: explorable("samplin"),
            r"no explorable is called 'samplin'; there are: .*sampling",
        ),
        (lambda: explorable("core"), "no explorable is called 'core'"),
        (
            lambda: explorable("sampling", size=3),
            "'sampling' has no 'size'; it has: batch_size, sampling, rule, seed, draws",
        ),
        (
            lambda: explorable("sampling", batch_size=9),
            "batch_size=9 is not allowed; use a whole number from 1 to 8",
        ),
        (
            lambda: explorable("sampling", batch_size=True),
            "batch_size=True is not allowed; use a whole number from 1 to 8",
        ),
        (
            lambda: explorable("sampling", rule="sum"),
            "rule='sum' is not allowed; use one of 'mean', 'clip', 'favor'",
        ),
        (
            lambda: explorable("variance", num_examples=8, batch_size=64),
            "batch_size=64 is not allowed; use one of 1, 2, 4, 8",
        ),
        (
            lambda: explorable("sampling", batch_size=np.array([1, 2])),
            "is not allowed; use a whole number from 1 to 8",
        ),
        (
            lambda: explorable("shuffle", batch_size=16, seen=8),
            "seen=8 is not allowed; use a whole number from 0 to 256 in steps of 16",
        ),
    ],
)
def test_errors_list_what_is_allowed(call: object, message: str) -> None:
    with pytest.raises(CourseError, match=message):
        call()


@pytest.mark.parametrize("junk", [0, -1, "8", None, 4.5, [1]], ids=repr)
def test_each_key_refuses_what_no_figure_could_use(name: str, junk: object) -> None:
    figure = registry.mirror(name)
    for key, values in figure.allowed(figure.DEFAULTS).items():
        if junk not in values:
            with pytest.raises(CourseError, match=rf"{key}=.* is not allowed; use "):
                explorable(name, **{key: junk})


@pytest.mark.parametrize("number", [4.0, np.int64(4), np.float32(4)], ids=repr)
def test_a_number_that_equals_an_allowed_one_becomes_it(number: object) -> None:
    shown = explorable("sampling", batch_size=number)
    assert shown._repr_mimebundle_() == explorable("sampling", batch_size=4)._repr_mimebundle_()


def test_squeeze_takes_only_whole_comment_lines() -> None:
    text = "/* gone */\n  // gone\n\n  a = 'b // stays'; // stays\n  /* stays */ c\n"
    assert bundle.squeeze(text) == "a = 'b // stays'; // stays\n/* stays */ c"


def test_inline_cannot_end_its_script_element() -> None:
    text = bundle.inline('x = "</script><!-- </SCRIPT>"')
    assert "</script" not in text.lower()
    assert "<!--" not in text


def test_live_widget_keeps_the_page_form_and_the_words(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("anywidget")
    from coursekit.explorables.live import live

    figure = live("sampling", batch_size=3)
    assert figure._ipython_display_ is None, "ipywidgets 7 would bypass the bundle"
    bundled, _ = figure._repr_mimebundle_()
    assert bundled["text/plain"] == repr(explorable("sampling", batch_size=3))
    assert 'data-explorable="sampling"' in bundled["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundled
    figure.batch_size = 4
    assert figure.state["batch_size"] == 4
    assert figure._repr_mimebundle_()[0]["text/plain"].startswith("70 batches of 4")
    assert figure.get_state()["_esm"] == bundle.module("sampling")
    with pytest.raises(CourseError, match="use a whole number"):
        live("sampling", batch_size=0)
