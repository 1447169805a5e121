"""`docs/preview.png`: what a reviewer sees of the site, taken by a headless Chromium."""

import functools
import os
import shutil
import subprocess
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ..project.errors import UserError
from ..project.files import write_bytes

PREVIEW = Path("docs", "preview.png")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
SIZE, SECONDS = "1280,800", 120


def take(root: Path, site: Path) -> Path:
    """Write the picture of the try-it page after its answer, or of the overview.

    Raises
    ------
    UserError
        If no browser is on PATH, or it takes no picture.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise UserError(
            f"No browser is on PATH ({', '.join(BROWSERS)}). Install Chromium, or take {PREVIEW} by hand."
        )
    page = "try/index.html?predict" if (root / site / "try").is_dir() else "index.html"
    handler = functools.partial(_Quiet, directory=str(root / site))
    with (
        tempfile.TemporaryDirectory() as name,
        ThreadingHTTPServer(("127.0.0.1", 0), handler) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        picture = Path(name) / "preview.png"
        command = [
            browser, "--headless", "--disable-gpu", "--disable-quic", "--hide-scrollbars",
            f"--user-data-dir={name}/profile", f"--window-size={SIZE}", "--virtual-time-budget=20000",
            f"--screenshot={picture}", f"http://127.0.0.1:{server.server_port}/{page}",
        ]  # fmt: skip
        if os.name == "posix" and os.geteuid() == 0:
            command.insert(1, "--no-sandbox")  # Chromium's sandbox refuses root
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            raise UserError(f"{browser} took no picture within {SECONDS} seconds.") from None
        finally:
            server.shutdown()
        if not picture.is_file():
            raise UserError(f"{browser} took no picture: {done.stderr.strip()[-500:]}")
        write_bytes(root / PREVIEW, picture.read_bytes())
    return PREVIEW


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing: the command says what was written."""
