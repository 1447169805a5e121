"""The one layer in front of the application: who may ask, how much, and how it went.

All that a request pays besides its answer is here, since layers of middleware and a log record at a time
cost as much as a prediction. A JSON endpoint that answers in the event loop is called without FastAPI
when nothing stands in the way: FastAPI's own route calls the same function, and what that refuses goes
on to FastAPI, so that an error has one author.
"""

import asyncio
import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from itertools import count
from typing import Any, TypeAlias

from fastapi import FastAPI, HTTPException
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .api import REQUEST_ID, SECURITY, Answer
from .limits import Limits, is_open
from .log import RequestLog
from .metrics import Metrics
from .rate import Rate, caller_of

logger = logging.getLogger(__name__)

SECONDS_TO_SEND_A_BODY = 30.0
MOST_ARRIVING = 1000  # bodies that have begun and not ended; they hold no place among the answers
CALLER_LEFT = 499  # nginx's code: nobody reads it, but the log and the metrics do
_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")
_JSON = b"application/json"

Endpoint: TypeAlias = Callable[[bytes], bytes]
Endpoints: TypeAlias = dict[str, Endpoint]


class Front:
    """ASGI layer: names, bounds, counts and logs each request, and answers the plain ones.

    Parameters
    ----------
    app : ASGI application
        FastAPI's.
    endpoints : dict of str to callable
        By path, what answers the bytes of a JSON body without FastAPI.
    limits : Limits
    metrics : Metrics
    version : str
        The model's, for the log.
    clock : callable
        Seconds that never go back, for the rate of a caller.
    """

    def __init__(
        self,
        app: ASGIApp,
        endpoints: Endpoints,
        limits: Limits,
        metrics: Metrics,
        version: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app, self.endpoints, self.limits = app, endpoints, limits
        self.metrics, self.log = metrics, RequestLog(version)
        self._keys = [key.encode() for key in limits.api_keys]
        self._rate = Rate(limits.rate_per_minute, clock) if limits.rate_per_minute else None
        self.in_flight = self.arriving = self._this_turn = 0
        # Whoever must be refused is refused at a fraction of an answer's price.
        busy = limits.busy()
        self._busy = json.dumps({"detail": busy.detail}).encode()
        # Random for the process, then counted: a system call a request would cost more than the rest.
        self._prefix, self._numbers = secrets.token_hex(6).encode(), count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, refuse, or pass the request on; then note how it went."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        told = dict(scope["headers"])
        path, length = scope["path"], told.get(b"content-length", b"")
        request = _Request(self, receive, send, self._name(told))
        try:
            if is_open(path):
                await self.app(scope, receive, request.send)
            else:
                self._admit(scope, told, length)
                endpoint = self.endpoints.get(path)
                if endpoint and scope["method"] == "POST" and told.get(b"content-type") == _JSON:
                    await self._answer(endpoint, scope, request)
                else:
                    if b"transfer-encoding" not in told and length in (b"", b"0"):
                        request.count()  # there is no body whose end would count it
                    await self.app(scope, request.receive, request.send)
        except HTTPException as refused:
            response = JSONResponse(
                {"detail": refused.detail}, refused.status_code, refused.headers
            )
            await response(scope, receive, request.send)
        except Exception:
            # FastAPI has answered 500 and raises, upon which the server would drop the connection.
            logger.exception("%s %s failed", scope["method"], path[:200])
            if not request.status:
                response = JSONResponse({"detail": "The service failed; its log says why."}, 500)
                await response(scope, receive, request.send)
        finally:
            self.in_flight -= request.counted
            seconds = time.perf_counter() - started
            status = request.status or CALLER_LEFT
            self.metrics.observe_request(scope["method"], path, status, seconds)
            self.log.add(scope["method"], path, status, seconds, request.name)

    def direct(self, scope: Scope, content: bytes) -> Answer | None:
        """Answer a request whose body came with its head, in one call; None if ASGI is to do it.

        No task, no messages and no event: 40 microseconds of 198. Whatever is refused goes the long way.
        """
        endpoint = self.endpoints.get(scope["path"])
        if endpoint is None or scope["method"] != "POST" or self._rate:
            return None
        started = time.perf_counter()
        told = dict(scope["headers"])
        if told.get(b"content-type") != _JSON:
            return None
        try:
            self._admit(scope, told, b"%d" % len(content))
        except HTTPException:
            return None
        if self._is_too_many():
            answer = Answer(503, self._name(told), self._busy)
        else:
            try:
                answer = Answer(200, self._name(told), endpoint(content))
            except Exception:  # noqa: BLE001  (whatever it is, it is told and logged there, once)
                self._this_turn -= 1  # where it is counted again
                return None
        seconds = time.perf_counter() - started
        self.metrics.observe_request("POST", scope["path"], answer.status, seconds)
        self.log.add("POST", scope["path"], answer.status, seconds, answer.name)
        return answer

    def _name(self, told: dict[bytes, bytes]) -> bytes:
        """The caller's id of a request, or one of ours."""
        name = told.get(REQUEST_ID, b"")
        if name and _ID.fullmatch(name):
            return name
        return b"%s-%06x" % (self._prefix, next(self._numbers))

    def _admit(self, scope: Scope, told: dict[bytes, bytes], length: bytes) -> None:
        """Refuse what can be refused before a body is read."""
        limits = self.limits
        caller = ""
        if self._keys:
            # All are compared, so that the time tells nothing of which is nearly right.
            key = told.get(b"x-api-key", b"")
            held = [secrets.compare_digest(key, each) for each in self._keys]
            if True not in held:
                detail = "Send the service's key in the header X-API-Key."
                raise HTTPException(401, detail, {"WWW-Authenticate": "ApiKey"})
            caller = f"key {held.index(True)}"
        if told.get(b"content-encoding", b"identity").lower() not in (b"", b"identity"):
            detail = "Send the body as it is: a Content-Encoding is not undone here."
            raise HTTPException(415, detail, {"Accept-Encoding": "identity"})
        if length.isdigit() and int(length) > limits.max_body_bytes:
            raise limits.too_large()
        if self._rate and (seconds := self._rate.seconds_to_wait(caller or caller_of(scope))):
            detail = f"More than {limits.rate_per_minute} requests a minute."
            detail = f"{detail} Try again in {seconds} s."
            raise HTTPException(429, detail, {"Retry-After": str(seconds)})

    async def _answer(self, endpoint: Endpoint, scope: Scope, request: "_Request") -> None:
        content = await request.body()
        if self._is_too_many():
            await request.answer(Answer(503, request.name, self._busy))
            return
        try:
            answer = endpoint(content)
        except (RequestValidationError, HTTPException):
            await self.app(scope, request.again(content), request.send)
            return
        await request.answer(Answer(200, request.name, answer))

    def _is_too_many(self) -> bool:
        """Whether a request is one too many.

        What arrives in one turn of the event loop is worked off one after the other: those at the end
        would wait longest, so beyond the limit they are told at once to come again.
        """
        if not self._this_turn:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self._this_turn += 1
        return self._this_turn > self.limits.max_in_flight

    def _next_turn(self) -> None:
        self._this_turn = 0


def put_in_front(app: FastAPI, limits: Limits, *given: Any, **options: Any) -> Front:
    """Make `Front`, with the arguments that follow its `endpoints`, the outermost layer of `app`.

    What would be added to the application from now on raises.
    """
    stack = app.build_middleware_stack()
    root = limits.root_path

    async def fastapi(scope: Scope, receive: Receive, send: Send) -> None:
        # Whole again, as ASGI wants it: pages and OpenAPI then link to where the proxy shows them.
        path = root + scope.get("path", "")  # the server's start and end have none
        await stack({**scope, "app": app, "root_path": root, "path": path}, receive, send)

    front = Front(fastapi, _direct(app), limits, *given, **options)
    app.middleware_stack = front
    app.direct = front.direct  # type: ignore[attr-defined]  # `Connection` asks for it
    return front


def _direct(app: FastAPI) -> Endpoints:
    """The endpoints that may be answered without FastAPI: none, where an owner put something between."""
    if app.user_middleware or app.router.dependencies:
        logger.info(
            "A middleware or dependency of your own sees every request: FastAPI answers all."
        )
        return {}
    first: dict[str, BaseRoute] = {}
    for route in app.routes:
        first.setdefault(getattr(route, "path", ""), route)
    found = {path: getattr(route, "direct", None) for path, route in first.items()}
    return {path: direct for path, direct in found.items() if direct}


class _Request:
    """One request's way in and out: its body within bounds, its status noted."""

    __slots__ = (
        "_deadline",
        "_front",
        "_receive",
        "_received",
        "counted",
        "name",
        "sending",
        "status",
    )

    def __init__(self, front: Front, receive: Receive, send: Send, name: bytes) -> None:
        self._front, self._receive, self.sending, self.name = front, receive, send, name
        self.status = 0
        self.counted = False
        self._received = 0
        self._deadline = 0.0

    async def body(self) -> bytes:
        """The whole body. Nearly always it has come with the head, and there is nothing to wait for."""
        message = await self._receive()
        if message["type"] == "http.request" and not message.get("more_body"):
            content: bytes = message.get("body", b"")
            if len(content) > self._front.limits.max_body_bytes:
                raise self._front.limits.too_large()
            return content
        parts = [self._checked(message)]
        while message.get("more_body"):
            message = await self._arrived()
            parts.append(self._checked(message))
        return b"".join(parts)

    async def receive(self) -> Message:
        """The next part of the body; with the last, the request is one of those worked on."""
        message = await self._arrived()
        if message["type"] == "http.disconnect":
            if self.counted:  # a listener for the caller's leaving, as streams have
                return message
            raise HTTPException(CALLER_LEFT, "The caller left.")
        self._checked(message)
        if not message.get("more_body") and not self.counted:
            self.count()
        return message

    def count(self) -> None:
        """Take a place among those worked on, or be told to come again."""
        if self._front.in_flight >= self._front.limits.max_in_flight:
            raise self._front.limits.busy()
        self._front.in_flight += 1
        self.counted = True

    def again(self, content: bytes) -> Receive:
        """Gives the body that was read already."""

        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        return receive

    async def send(self, message: Message) -> None:
        """Pass a part of the answer on, with the headers that all answers have."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = {name for name, _ in message["headers"]}  # such as a page's own policy
            added = [header for header in SECURITY if header[0] not in given]
            headers = [*message["headers"], (REQUEST_ID, self.name), *added]
            message = {**message, "headers": headers}
        await self.sending(message)

    async def answer(self, answer: Answer) -> None:
        """Send JSON, without FastAPI."""
        self.status = answer.status
        start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        await self.sending(start)
        await self.sending({"type": "http.response.body", "body": answer.content})

    def _checked(self, message: Message) -> bytes:
        if message["type"] == "http.disconnect":
            raise HTTPException(CALLER_LEFT, "The caller left.")
        content: bytes = message.get("body", b"")
        self._received += len(content)
        if self._received > self._front.limits.max_body_bytes:
            raise self._front.limits.too_large()
        return content

    async def _arrived(self) -> Message:
        """The next message, within the time that a body may take."""
        front, now = self._front, asyncio.get_running_loop().time()
        self._deadline = self._deadline or now + SECONDS_TO_SEND_A_BODY
        if front.arriving >= MOST_ARRIVING:
            raise front.limits.busy()
        front.arriving += 1
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            detail = f"The body did not arrive within {SECONDS_TO_SEND_A_BODY:.0f} seconds."
            raise HTTPException(408, detail, {"Connection": "close"}) from None
        finally:
            front.arriving -= 1
