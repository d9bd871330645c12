"""An explorable as a notebook output: self-contained HTML beside a sentence of text.

The HTML carries the figure's still form, its module, the style and the host that brings it to
life. It needs no kernel, no network and no file beside it, and it is the same text every time.
"""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import Any

from . import bundle
from .registry import FOLDER, checked_state, mirror


@dataclass(frozen=True)
class Explorable:
    """A figure in a given state, ready to display. Make one with `explorable`."""

    name: str
    state: dict[str, Any]

    def __repr__(self) -> str:
        return mirror(self.name).describe(self.state)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": repr(self)}

    def _repr_html_(self) -> str:
        changes = {
            key: value
            for key, value in self.state.items()
            if value != mirror(self.name).DEFAULTS[key]
        }
        view = next(
            (view for view, state in mirror(self.name).VIEWS.items() if state == changes), None
        )
        anchor = view or "-".join(
            [self.name, *(f"{key}-{changes[key]}" for key in sorted(changes))]
        )
        module = bundle.inline(bundle.module(self.name))
        still = (FOLDER / "pictures" / f"{view or self.name}.html").read_text("utf-8")
        return (
            f'<figure class="explorable" id="explorable-{anchor}" '
            f'data-explorable="{self.name}" '
            f'data-state="{html.escape(json.dumps(self.state))}">\n'
            f"<style>{bundle.style()}</style>\n{still}</figure>\n"
            f'<script type="text/explorable" data-name="{self.name}">{module}'
            f'</script>\n<script type="module">{bundle.inline(bundle.host())}</script>'
        )


def explorable(name: str, **state: Any) -> Explorable:
    """An interactive figure that works in a notebook, on Colab and in the built book.

    ``state`` changes what the figure shows at first, for example
    ``explorable("sampling", batch_size=4)``; "Reset" comes back to it.

    Raises
    ------
    CourseError
        When the name, a key or a value is unknown; the message lists what is allowed.
    """
    return Explorable(name, checked_state(name, state))
