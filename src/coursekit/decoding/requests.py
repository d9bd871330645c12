"""What a client asks for, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from ..errors import CourseError
from .model import GptConfig


class RequestError(CourseError):
    """A request that this model or this cache cannot serve. The others are not touched."""


@dataclass(frozen=True)
class Request:
    """Continue ``prompt`` by ``num_new`` tokens. The ``id`` is the client's, and unique."""

    id: Hashable
    prompt: tuple[int, ...]
    num_new: int

    @property
    def num_cached(self) -> int:
        """Tokens whose keys and values are in the cache at the end: the last one is not."""
        return len(self.prompt) + self.num_new - 1


def check_request(request: Request, config: GptConfig) -> None:
    """Refuse what the model cannot continue.

    Raises
    ------
    RequestError
        When the prompt is empty, holds an unknown token, or is too long together with the new
        tokens, or when no new token is asked for.
    """
    who = f"request {request.id!r}"
    if not request.prompt:
        raise RequestError(f"{who} has an empty prompt; give at least one token to continue from.")
    if request.num_new < 1:
        raise RequestError(f"{who} asks for {request.num_new} new tokens; ask for at least 1.")
    for token in request.prompt:
        if not 0 <= token < config.vocab_size:
            raise RequestError(
                f"{who} holds the token {token}; this model knows 0 to {config.vocab_size - 1}."
            )
    length = len(request.prompt) + request.num_new
    if length > config.context_length:
        raise RequestError(
            f"{who} needs {len(request.prompt)} + {request.num_new} = {length} positions; the "
            f"model has context_length={config.context_length}. Shorten the prompt or ask for less."
        )
