"""The errors of the course. Each message says what came, what was needed and what to try."""


class CourseError(ValueError):
    """Base of every error that coursekit raises on purpose."""


class BatchSizeError(CourseError):
    """A batch size that the data or the method cannot serve."""


class ShapeError(CourseError):
    """An array whose shape does not fit."""


class MissingPackageError(CourseError):
    """An optional package is needed and is not installed."""
