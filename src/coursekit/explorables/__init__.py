"""Interactive figures that need no kernel."""

from .display import Explorable, explorable

__all__ = ["Explorable", "explorable"]
