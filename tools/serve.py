"""Show the built book: print its address, and with --serve hand it out on a free local port."""

from __future__ import annotations

import functools
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).resolve().parent.parent / "_build" / "html"


class QuietHandler(SimpleHTTPRequestHandler):
    """Hands out files without a line for each, and without letting the browser keep old ones."""

    def end_headers(self) -> None:
        """Forbid caching, so that a rebuilt page shows when it is loaded again."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def main() -> None:
    """Print where the book is; serve it until Ctrl-C when asked to."""
    page = SITE / "index.html"
    if not page.is_file():
        sys.exit("the book is not built yet; run 'make book'.")
    if "--serve" not in sys.argv[1:]:
        print(f"\nThe book is built. Open {page.as_uri()}")
        return
    handler = functools.partial(QuietHandler, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        print(f"Reading at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
