"""For all tests: no test asserts a time, and in CI none is skipped unless it needs a GPU.

Where the environment says CI=true, a test that is skipped fails.
On a reader's machine a missing browser or interpreter is no fault: the test says what is missing
and is skipped. The machines that judge a change have everything, so there nothing may hide.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("course", deadline=None)
settings.load_profile("course")

STRICT = os.environ.get("CI", "").lower() in ("1", "true")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Turn the skip of a test into a failure."""
    report = yield
    return report if item.get_closest_marker("gpu") else _judged(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Turn the skip of a whole file into a failure."""
    return _judged((yield))


def _judged(report: Any) -> Any:
    if STRICT and report.outcome == "skipped" and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"nothing but gpu may be skipped where CI=true. {reason}"
    return report
