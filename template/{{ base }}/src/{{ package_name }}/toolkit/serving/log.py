"""One JSON line for each request: how it went, never what it held."""

import json
import logging
import sys
import time
from datetime import UTC, datetime
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .metrics import Metrics

logger = logging.getLogger(__name__)


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


class Observe:
    """ASGI middleware: logs and counts each request, whoever answers it."""

    def __init__(self, app: ASGIApp, metrics: Metrics, version: str) -> None:
        self.app = app
        self.metrics = metrics
        self.version = version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and note how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.observe_request(scope["method"], scope["path"], status, seconds)
            fields = {
                "method": scope["method"],
                "path": scope["path"][:200],
                "status": status,
                "milliseconds": round(seconds * 1000, 2),
                "model_version": self.version,
            }
            logger.info("request", extra={"fields": fields})
