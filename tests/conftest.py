"""Fixtures shared by all tests: a real Chromium, and pages that record what they ask for and say.

    def test_page(open_page):
        visit = open_page(path.as_uri(), width=390, color_scheme="dark")
        visit.page.get_by_role("button", name="Reset").click()
        assert visit.external == [] and visit.console == [] and visit.axe() == []

The browser has no network but this machine: any other host name fails to resolve.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from coursekit.doctor import CHROMIUM

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before PyTorch: workers side by side would fight
# A job in the background is deaf to Ctrl-C, and so would be what the tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
NO_CHROMIUM = (
    "no Chromium on this machine, so nothing was tried in a real browser; install it "
    "('sudo apt-get install chromium-headless-shell', or any Chrome) or set CHROMIUM=/path/to/it"
)


@dataclass
class Visit:
    """One open page, every address it asked for and everything it said on the console."""

    page: Any
    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    unanswered: list[Any] = field(default_factory=list)

    def asked(self, request: Any) -> None:
        """Note a request as it leaves."""
        self.requests.append(request.url)
        self.unanswered.append(request)

    def answered(self, request: Any) -> None:
        """Note that a request has its answer, or failed."""
        self.unanswered.remove(request)

    def settle(self) -> None:
        """Wait until the page has its fonts and all that it asked for, or failed to get it.

        Playwright's "networkidle" never came on one page in the headless shell.
        """
        self.page.wait_for_load_state("load")
        self.page.evaluate("document.fonts.ready")
        deadline = time.monotonic() + 30
        while self.unanswered:
            if time.monotonic() > deadline:
                raise TimeoutError(f"no answer to {[each.url for each in self.unanswered]}")
            self.page.wait_for_timeout(20)

    @property
    def external(self) -> list[str]:
        """Requests that leave this machine; an offline book has none."""
        local = ("file", "data", "blob", "about")
        return [
            url
            for url in self.requests
            if urlsplit(url).scheme not in local
            and urlsplit(url).hostname not in ("127.0.0.1", "localhost")
        ]

    def axe(self, within: str | None = None, *, rules: Sequence[str] = ()) -> list[str]:
        """Accessibility violations found by axe-core, one line each; of some rules, or of all."""
        from axe_playwright_python.sync_playwright import Axe

        # Else it also describes all that is right, which takes as long again.
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if rules:
            options["runOnly"] = list(rules)
        found = Axe().run(self.page, context=within, options=options).response["violations"]
        return [
            f"{rule['id']}: {rule['help']} at {node['html'][:200]}"
            for rule in found
            for node in rule["nodes"]
        ]

    def overflow(self) -> int:
        """CSS pixels by which the page is wider than its window; 0 means no sideways scroll."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width


def find_chromium() -> str | None:
    """Path of the Chromium or Chrome that the tests drive, or None."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, CHROMIUM)]
    return next((path for path in candidates if path), None)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless browser, started once for all tests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = find_chromium()
    if path is None:
        pytest.skip(NO_CHROMIUM)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Visit]]:
    """Open an address in a fresh profile; options beyond ``width`` go to Playwright's context."""
    contexts = []

    def open_(url: str, *, width: int = 1280, height: int = 900, **options: Any) -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        visit = Visit(context.new_page())
        visit.page.on("request", visit.asked)
        visit.page.on("requestfinished", visit.answered)
        visit.page.on("requestfailed", visit.answered)
        visit.page.on("console", lambda line: visit.console.append(f"{line.type}: {line.text}"))
        visit.page.on("pageerror", lambda error: visit.console.append(f"uncaught: {error}"))
        visit.page.goto(url)
        return visit

    yield open_
    for context in contexts:
        context.close()
