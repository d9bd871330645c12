"""Time that may be spent, and how much of it is left."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import CourseError


class Budget:
    """Seconds to spend. Each measurement asks how much is left and plans for that.

    Attributes
    ----------
    seconds
        The whole.
    clock
        What counts them.
    """

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        """Begin to count.

        Raises
        ------
        CourseError
            When there is no time at all.
        """
        if not seconds > 0:
            raise CourseError(f"seconds={seconds}; a plan needs some time, for example 60.")
        self.seconds = seconds
        self.clock = clock
        self._start = clock()

    @property
    def spent(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self._start

    @property
    def left(self) -> float:
        """Seconds left; below zero when it is overdrawn."""
        return self.seconds - self.spent

    def until(self, fraction: float) -> float:
        """Seconds until this fraction of the whole has been spent; zero when it has been."""
        return max(0.0, fraction * self.seconds - self.spent)
