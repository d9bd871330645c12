"""The book builds from the stored outputs with no warning; without that, no page can be tried."""


def test_the_book_builds_without_a_warning(built):
    _, wrong = built
    assert wrong == []
