"""Real text without a download: what Python says about itself in ``help()``."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import CourseError

BLOCK = 2000


@dataclass(frozen=True)
class Text:
    """Text split into characters to learn from and characters held out.

    Attributes
    ----------
    train, held_out
        The two parts: of every ten blocks of 2000 characters the first is held out.
    alphabet
        Every character that occurs, in order; a token is a position in it.
    digest
        SHA-256 of the whole text. It differs between versions of Python.
    """

    train: str
    held_out: str
    alphabet: str
    digest: str

    def encode(self, text: str) -> NDArray[np.int64]:
        """Tokens of a text.

        Raises
        ------
        CourseError
            When a character is not in the alphabet.
        """
        place = {character: token for token, character in enumerate(self.alphabet)}
        if unknown := sorted(set(text) - place.keys()):
            raise CourseError(
                f"the characters {unknown} are not in this text's alphabet of {len(place)}; "
                "leave them out."
            )
        return np.array([place[character] for character in text], np.int64)

    def decode(self, tokens: NDArray[np.int64] | list[int]) -> str:
        """The text of some tokens."""
        return "".join(self.alphabet[token] for token in tokens)


def python_topics() -> Text:
    """The help topics of the running Python, about 460,000 characters of English and code.

    They come with Python (``pydoc_data.topics``, under its license) and change a little with its
    version: nothing that is compared between machines may depend on them.
    """
    from pydoc_data import topics

    text = "\n".join(topics.topics[name] for name in sorted(topics.topics))
    blocks = [text[start : start + BLOCK] for start in range(0, len(text), BLOCK)]
    return Text(
        train="".join(block for i, block in enumerate(blocks) if i % 10),
        held_out="".join(blocks[::10]),
        alphabet="".join(sorted(set(text))),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )
