"""A site as any web server hands it out, and what its project needs besides a model."""

import functools
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from toolkit.project.files import write_text

ROOT = Path(__file__).parents[2]
REPORT = """<html lang="en"><head><title>Late?</title></head>
<body>
<main><header><h1>Late?</h1><p class="about">Flights.</p></header></main></body></html>"""


def finish(root: Path) -> None:
    """Write a report, and lend the runtime, which is fetched once; skip the test where npm is not."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here")
    write_text(root / "reports" / "report.html", REPORT)
    kept = ROOT / ".cache" / "site"
    kept.mkdir(parents=True, exist_ok=True)
    (root / ".cache").symlink_to(kept)


class Quiet(SimpleHTTPRequestHandler):
    """A plain web server that says nothing."""

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A plain web server on `folder`."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
