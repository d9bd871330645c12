"""The same figure as a widget, for a lesson in which Python reads what the reader has set.

    figure = live("sampling")   # shown like any widget
    figure.batch_size           # what the slider says now

Needs anywidget, and a kernel to be live; a page without one shows the same figure all the same.
On Colab a widget of this kind replaces the session's widget manager: do not mix it with `interact`.
"""

from __future__ import annotations

from typing import Any

import anywidget
import traitlets

from . import bundle
from .display import Explorable
from .registry import checked_state


class LiveExplorable(anywidget.AnyWidget):
    """An explorable whose state Python can read and set. Make one with `live`."""

    _css = bundle.style()
    _name = ""
    # ipywidgets 7 (Colab) would show the widget through this and never ask for the bundle below.
    _ipython_display_ = None

    @property
    def state(self) -> dict[str, Any]:
        """The state as it is now."""
        return {key: getattr(self, key) for key in checked_state(self._name, {})}

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget, with the kernel-free figure and its sentence for pages without widgets."""
        bundled = super()._repr_mimebundle_(**options)
        data, metadata = bundled if isinstance(bundled, tuple) else (bundled or {}, {})
        return {**data, **Explorable(self._name, self.state)._repr_mimebundle_()}, metadata


def live(name: str, **state: Any) -> Any:
    """An explorable as a widget: one trait for each key of its state.

    Raises
    ------
    CourseError
        When the name, a key or a value is unknown; the message lists what is allowed.
    """
    initial = checked_state(name, state)
    traits: dict[str, Any] = {
        key: traitlets.Any(value).tag(sync=True) for key, value in initial.items()
    }
    members = {"_esm": bundle.module(name), "_name": name, **traits}
    return type(name.capitalize(), (LiveExplorable,), members)()
