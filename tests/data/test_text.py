"""Python's own help text: split without overlap, and back and forth between text and tokens."""

import hashlib

import pytest

from coursekit.data.text import python_topics
from coursekit.errors import CourseError


def test_nothing_is_lost_or_in_both_parts():
    text = python_topics()
    assert len(text.train) > 300_000
    assert 0.09 < len(text.held_out) / (len(text.held_out) + len(text.train)) < 0.11
    assert text.held_out[:2000] not in text.train
    assert set(text.train + text.held_out) == set(text.alphabet)


def test_the_digest_is_that_of_the_topics():
    from pydoc_data import topics

    whole = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    assert python_topics().digest == hashlib.sha256(whole.encode()).hexdigest()


def test_tokens_and_back():
    text = python_topics()
    assert text.decode(text.encode("for i in range(8):")) == "for i in range(8):"
    with pytest.raises(CourseError, match="'☃'"):
        text.encode("a ☃")
