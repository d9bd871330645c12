"""The late rule: a deadline, and the share of the points that each day begun after it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import CourseError

SECONDS_A_DAY = 86_400


@dataclass(frozen=True)
class LateRule:
    """``percent`` of the earned points are lost for each day begun after ``deadline``."""

    deadline: datetime
    percent: float

    def days(self, path: Path) -> int:
        """Days begun after the deadline when ``path`` was last changed; 0 when it was in time."""
        over = path.lstat().st_mtime - self.deadline.timestamp()
        return max(math.ceil(over / SECONDS_A_DAY), 0)

    def share_lost(self, days: int) -> float:
        """Between 0 and 1."""
        return min(days * self.percent / 100, 1.0)


def parse(rule: str) -> LateRule:
    """``2026-12-01T23:59+01:00,10``: ten percent a day; a time without a zone is in UTC.

    Raises
    ------
    CourseError
        When the text is no such rule.
    """
    moment, _, percent = rule.partition(",")
    try:
        deadline, share = datetime.fromisoformat(moment.strip()), float(percent)
    except ValueError:
        share = math.nan
    if not 0 <= share <= 100:
        raise CourseError(
            f"{rule!r} is no late rule; write the deadline, a comma and the percentage that a day "
            "costs, such as 2026-12-01T23:59+01:00,10."
        )
    return LateRule(deadline if deadline.tzinfo else deadline.replace(tzinfo=UTC), share)
