"""A real Chromium, driven through its debugging pipe; nothing but the browser is needed."""

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

SECONDS = 30


def chromium() -> str | None:
    """Where the browser is, if there is one."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


class Page:
    """A page of a headless browser with a fake camera, which may be used without asking.

    Parameters
    ----------
    folder : Path
        For the browser's profile.
    address : str
        The page that is opened.
    """

    def __init__(self, folder: Path, address: str) -> None:
        self.address = address
        self.command = [
            str(chromium()),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--remote-debugging-pipe",
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
            f"--user-data-dir={folder}",
        ]
        self.said = 0
        self.session: str | None = None

    def __enter__(self) -> Self:
        """Start the browser, which reads commands at 3 and answers at 4, and open the page."""
        commands, self.write = os.pipe()
        self.read, answers = os.pipe()

        def as_three_and_four() -> None:
            held = os.dup(commands), os.dup(answers)  # they may be 3 and 4 themselves
            os.dup2(held[0], 3)
            os.dup2(held[1], 4)

        self.process = subprocess.Popen(
            self.command,
            close_fds=False,
            preexec_fn=as_three_and_four,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        self.call("Page.navigate", url=self.address)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the browser."""
        self.process.terminate()
        self.process.wait(SECONDS)
        os.close(self.read)
        os.close(self.write)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the DevTools protocol; return its result."""
        self.said += 1
        message = {"id": self.said, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0")
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self.said:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self) -> bytes:
        received = bytearray()
        while (byte := os.read(self.read, 1)) not in (b"\0", b""):
            received += byte
        assert byte, "the browser has ended"
        return bytes(received)

    def ask(self, script: str) -> Any:
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def wait(self, script: str) -> Any:
        """The value of an expression in the page, once it is true."""
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if value := self.ask(script):
                return value
            time.sleep(0.1)
        raise AssertionError(f"{script} stays false: {self.ask('document.body.innerText')}")

    def drop(self, path: Path) -> None:
        """Drag a file onto the middle of the page and let go of it."""
        data = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", type=kind, x=300, y=200, data=data)

    def picture(self, path: Path) -> None:
        """Save what the page looks like as PNG."""
        content = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(content))
