import json

import pytest

from coursekit.book.stored import claims_made, read

from .conftest import claim, notebook


def test_a_notebook_gives_its_title_minutes_and_claims(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(claim("only-one", "One."), title="Chapter A")))
    stored = read(path)
    assert stored.title == "Chapter A"
    assert stored.metadata["minutes_read"] == 25
    assert [(c.id, c.statement, c.cell) for c in stored.claims] == [("only-one", "One.", 2)]
    assert stored.unanswered == []


@pytest.mark.parametrize(
    ("source", "ids"),
    [
        ('proved("a-b", "S", got=1, expected=1)', {"a-b"}),
        ("claims.estimated(id='a-b', statement='S')", {"a-b"}),
        ("coursekit.claims.measured('a-b')", {"a-b"}),
        ("%matplotlib inline\n!ls\nmeasured('a-b')", {"a-b"}),
        ("for b in sizes:\n    display(proved(f'size-{b}', 'S'))", {""}),
        ("np.proved('a-b')", set()),
        ("text = \"proved('a-b')\"", set()),
        ("# proved('a-b')", set()),
        ("this is not Python", set()),
    ],
)
def test_claims_are_found_in_code_and_nowhere_else(source, ids):
    assert claims_made(source) == ids


def test_a_computed_id_is_answered_by_any_stored_claim(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(("proved(name, 'S')", claim("a-b")[1]))))
    assert read(path).unanswered == []


def test_a_cell_that_stores_another_id_than_it_makes_is_unanswered(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook(("proved('new-name', 'S')", claim("old-name")[1]))))
    assert read(path).unanswered == [(2, "new-name")]
