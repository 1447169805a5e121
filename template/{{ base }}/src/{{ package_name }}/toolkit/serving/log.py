"""One JSON line for each request: how it went, never what it held."""

import atexit
import json
import logging
import sys
import threading
import time
from collections import deque
from datetime import UTC, datetime
from typing import Any

SECONDS_BETWEEN_WRITES = 0.25
MOST_WAITING = 100_000
MOST_PATHS = 100


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON; fields come in the record's `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line for `record`."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def configure() -> None:
    """Send everything that this process logs to standard output, as JSON lines."""
    out = logging.StreamHandler(sys.stdout)
    out.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[out], force=True)


class RequestLog:
    """One line for each request, written in batches by a thread.

    A record through `logging` costs 25 microseconds of the event loop, the line made here 2. Made by the
    thread, a thousand lines held the interpreter for 8 ms, four times a second: the slowest hundredth of
    all requests. What a killed process had not written (a quarter of a second) is lost; one that ends
    writes all.

    Parameters
    ----------
    version : str
        The model's version, on every line.
    """

    def __init__(self, version: str) -> None:
        self._end = f', "model_version": {json.dumps(version)}}}\n'
        self._paths: dict[tuple[str, str], str] = {}
        self._second, self._date = -1, ""
        self._waiting: deque[str] = deque()
        self._writing = threading.Lock()
        atexit.register(self.flush)
        threading.Thread(target=self._work, name="request log", daemon=True).start()

    def add(self, method: str, path: str, status: int, seconds: float, name: bytes) -> None:
        """Note how one request went; called in the event loop."""
        if len(self._waiting) >= MOST_WAITING:  # nobody reads what is written
            return
        now = time.time_ns() // 1_000_000
        second, millisecond = divmod(now, 1000)
        if second != self._second:
            date = datetime.fromtimestamp(second, UTC).isoformat()[:-6]
            self._second, self._date = second, f'{{"time": "{date}'
        asked = self._paths.get((method, path)) or self._asked(method, path)
        self._waiting.append(
            f"{self._date}.{millisecond:03d}{asked}{status}"
            f', "milliseconds": {seconds * 1000:.2f}, "request_id": "{name.decode()}"{self._end}'
        )

    def _asked(self, method: str, path: str) -> str:
        """The middle of a line; of what any caller may make up, a few are kept."""
        fields = {"level": "info", "message": "request", "method": method, "path": path[:200]}
        asked = f'+00:00", {json.dumps(fields)[1:-1]}, "status": '
        if len(self._paths) < MOST_PATHS and len(path) <= 200:
            self._paths[method, path] = asked
        return asked

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:  # the thread's lines and those of a process that ends keep their order
            lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
            sys.stdout.write("".join(lines))
            sys.stdout.flush()

    def _work(self) -> None:
        while True:
            time.sleep(SECONDS_BETWEEN_WRITES)
            if self._waiting:
                self.flush()
