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

    A record through `logging` costs 25 microseconds of the event loop; handing over a tuple costs none.
    What a killed process had not written (a quarter of a second) is lost; one that ends writes all.

    Parameters
    ----------
    version : str
        The model's version, on every line.
    """

    def __init__(self, version: str) -> None:
        self._version = version
        self._waiting: deque[tuple[Any, ...]] = deque()
        self._writing = threading.Lock()
        atexit.register(self.flush)
        threading.Thread(target=self._work, name="request log", daemon=True).start()

    def add(self, method: str, path: str, status: int, seconds: float, name: bytes) -> None:
        """Note how one request went; called in the event loop."""
        if len(self._waiting) < MOST_WAITING:  # or nobody reads what is written
            self._waiting.append((time.time(), method, path, status, seconds, name))

    def flush(self) -> None:
        """Write what waits."""
        with self._writing:  # the thread's lines and those of a process that ends keep their order
            lines = [self._line(self._waiting.popleft()) for _ in range(len(self._waiting))]
            sys.stdout.write("".join(lines))
            sys.stdout.flush()

    def _line(self, noted: tuple[Any, ...]) -> str:
        at, method, path, status, seconds, name = noted
        line = {
            "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
            "level": "info",
            "message": "request",
            "method": method,
            "path": path[:200],
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "request_id": name.decode("ascii"),
            "model_version": self._version,
        }
        return json.dumps(line) + "\n"

    def _work(self) -> None:
        while True:
            time.sleep(SECONDS_BETWEEN_WRITES)
            if self._waiting:
                self.flush()
