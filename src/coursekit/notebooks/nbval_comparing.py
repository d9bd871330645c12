"""How nbval compares, mended: a tolerance for one cell, and proof that a cell was compared.

A cell tagged ``nbval-tolerance-1e-6`` passes when its text differs from the stored text in nothing
but numbers, and those by at most 1e-6 of the stored ones. nbval knows exact equality alone.
"""

from __future__ import annotations

import math
import re
from typing import Any

TOLERANCE_TAG = "nbval-tolerance-"
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.])")
NOT_COMPARED = "passed although its output was never compared with the stored one"


def tolerance(tags: Any) -> float:
    """The tolerance that a cell's tags name, 0 where they name none."""
    for tag in tags or ():
        if str(tag).startswith(TOLERANCE_TAG):
            return float(str(tag).removeprefix(TOLERANCE_TAG))
    return 0.0


def aligned(text: str, stored: str, relative: float) -> str:
    """``text`` with each number that is near enough replaced by the stored one."""
    ours, theirs = NUMBER.findall(text), NUMBER.findall(stored)
    same_words = NUMBER.sub("#", text) == NUMBER.sub("#", stored)
    near = (
        math.isclose(float(own), float(other), rel_tol=relative)
        for own, other in zip(ours, theirs, strict=False)
    )
    return stored if same_words and all(near) else text


def align(outputs: list[Any], stored: list[Any], relative: float) -> None:
    """`aligned` for every text of a cell's outputs, in place."""
    for output, other in zip(outputs, stored, strict=False):
        if output.get("output_type") == other.get("output_type") == "stream":
            output["text"] = aligned(output["text"], other["text"], relative)
        for kind, text in (output.get("data") or {}).items():
            known = (other.get("data") or {}).get(kind)
            if isinstance(text, str) and isinstance(known, str):
                output["data"][kind] = aligned(text, known, relative)


def compare(self: Any, test: Any, ref: Any, skip_compare: Any = None) -> bool:
    """In the place of ``IPyNbCell.compare_outputs``; notes that it was called."""
    self.was_compared = True
    relative = tolerance(self.cell.metadata.get("tags"))
    if relative:
        align(test, ref, relative)
    return bool(self.compare_exactly(test, ref, skip_compare))


def was_skipped_silently(item: Any) -> bool:
    """Whether a cell that nbval was to compare has passed without having been compared."""
    return bool(item.options["check"] and not getattr(item, "was_compared", False))
