"""Who may ask, how much, and how many at once: refused before any work is done."""

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import HTTPException
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .rate import Rate, caller_of

# Probes and scrapers cannot send a key, and the two pages hold nothing but the schema.
OPEN_PATHS = frozenset({"/", "/health", "/ready", "/metrics", "/docs", "/openapi.json"})
ASSETS = "/assets"
SECONDS_TO_SEND_A_BODY = 30.0


@dataclass(frozen=True)
class Limits:
    """Bounds of the service; `params.yaml` and the environment set them.

    Attributes
    ----------
    max_body_mb : float
        Largest body in MiB, declared or chunked; above it the answer is 413.
    max_batch : int
        Most records of one batch request.
    max_in_flight : int
        Requests one process works on at a time; above it the answer is 503 with Retry-After.
    rate_per_minute : int
        Requests one caller may make of one process; above it the answer is 429 with Retry-After. 0
        is without a bound.
    api_key : str, optional
        When set, `X-API-Key` must hold it, except on the open paths.
    """

    max_body_mb: float = 10
    max_batch: int = 10_000
    max_in_flight: int = 64
    rate_per_minute: int = 0
    api_key: str | None = field(default=None, repr=False)

    @property
    def max_body_bytes(self) -> int:
        """The largest body in bytes."""
        return int(self.max_body_mb * 2**20)


def is_open(path: str) -> bool:
    """Whether `path` is answered without a key and whatever the load."""
    return path in OPEN_PATHS or path.startswith(f"{ASSETS}/")


class Guard:
    """ASGI middleware: the key, the requests in flight, large or slow bodies, too many of a caller."""

    def __init__(
        self, app: ASGIApp, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app = app
        self.limits = limits
        self.key = limits.api_key.encode() if limits.api_key else None
        self.rate = Rate(limits.rate_per_minute, clock) if limits.rate_per_minute else None
        self.in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass the request on."""
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
        elif refused := self._refused(scope):
            status, detail, seconds = refused
            headers = {"Retry-After": str(seconds)} if seconds else None
            await JSONResponse({"detail": detail}, status, headers)(scope, receive, send)
        else:
            self.in_flight += 1
            try:
                await self.app(scope, self._bounded(receive), send)
            finally:
                self.in_flight -= 1

    def _refused(self, scope: Scope) -> tuple[int, str, int] | None:
        """Status, reason and the seconds to wait, if the request is not to be worked on."""
        limits = self.limits
        if self.key and not secrets.compare_digest(_header(scope, b"x-api-key"), self.key):
            return 401, "Send the service's key in the header X-API-Key.", 0
        if self.in_flight >= limits.max_in_flight:
            return 503, f"Busy with {self.in_flight} requests, the most allowed. Try again soon.", 1
        declared = _header(scope, b"content-length")
        if declared.isdigit() and int(declared) > limits.max_body_bytes:
            return 413, self._too_large(), 0
        if self.rate and (seconds := self.rate.seconds_to_wait(caller_of(scope))):
            most = f"More than {limits.rate_per_minute} requests a minute."
            return 429, f"{most} Try again in {seconds} s.", seconds
        return None

    def _too_large(self) -> str:
        return f"The body is larger than {self.limits.max_body_mb:g} MiB, the most allowed."

    def _bounded(self, receive: Receive) -> Receive:
        """Bound the size of a body and the time it takes, since it holds a place meanwhile."""
        deadline = asyncio.get_running_loop().time() + SECONDS_TO_SEND_A_BODY
        received = 0

        async def bounded() -> Message:
            nonlocal received
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                detail = f"The body did not arrive within {SECONDS_TO_SEND_A_BODY:.0f} seconds."
                raise HTTPException(408, detail) from None
            received += len(message.get("body", b""))
            if received > self.limits.max_body_bytes:
                raise HTTPException(413, self._too_large())
            return message

        return bounded


def _header(scope: Scope, name: bytes) -> bytes:
    return next((value for given, value in scope["headers"] if given == name), b"")
