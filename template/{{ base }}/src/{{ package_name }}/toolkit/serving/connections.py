"""The open connections of a process: no more than it has descriptors for, and none that waits for ever."""

import logging
import time
from asyncio import BaseTransport, TimerHandle
from collections.abc import Callable
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

logger = logging.getLogger(__name__)

SECONDS_TO_SEND_A_HEAD = 30.0
# Longer than proxies keep theirs (a minute is usual), so that it is not we who close one in use.
SECONDS_KEPT = 75
MOST_CONNECTIONS = 20_000  # of a process; where descriptors are plenty, memory is not
DESCRIPTORS_OF_OUR_OWN = 256  # files, pipes, and connections that are closing
SECONDS_BETWEEN_WARNINGS = 60.0
_LATE = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def prepare() -> int:
    """Take all descriptors that this process may have; set and return how many connections it holds."""
    limit = _descriptors()
    Connection.most = max(1, min(MOST_CONNECTIONS, limit - min(DESCRIPTORS_OF_OUR_OWN, limit // 2)))
    logger.info("at most %d connections at once (open files: %d)", Connection.most, limit)
    return Connection.most


def _descriptors() -> int:
    try:
        import resource
    except ImportError:  # Windows counts sockets apart
        return MOST_CONNECTIONS + DESCRIPTORS_OF_OUR_OWN
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + DESCRIPTORS_OF_OUR_OWN
    if hard == resource.RLIM_INFINITY or hard > wanted:
        hard = wanted
    if soft != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (hard, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
        )
        soft = hard
    return wanted if soft == resource.RLIM_INFINITY else soft


class Connection(HttpToolsProtocol):
    """uvicorn's connection, which may be closed while it has no request.

    uvicorn waits for ever for the first request of a connection, and for the rest of a request's head. And
    one connection more than there are descriptors cannot be accepted, so that idle callers would end the
    service for all others: here the newcomer takes the place of the one that has been idle longest.
    """

    most: ClassVar[int] = MOST_CONNECTIONS
    # Those without a request, the longest first.
    _idle: ClassVar[dict["Connection", None]] = {}
    _warned: ClassVar[float] = float("-inf")
    _deadline: TimerHandle | None = None
    _is_reading = False
    _begun: tuple[Any, Any] | None = None

    def __init__(self, *given: Any, **options: Any) -> None:
        super().__init__(*given, **options)
        # uvicorn puts a layer around the application that reads what a proxy says of its caller.
        self._direct: Any = getattr(getattr(self.app, "app", self.app), "direct", None)

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)  # type: ignore[arg-type]
        self._idle[self] = None
        self._wait(self.transport.close)
        if len(self.connections) > self.most:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        """Take what came; the rest of a request's head is waited for, but not for ever."""
        self._is_reading = True
        super().data_received(data)
        self._is_reading = False
        if self._begun:
            cycle, app = self._begun
            self._begun = None
            if not self._answered(cycle):
                self._start_asgi_task(cycle, app)
        elif self in self._idle and not self._deadline:
            self._wait(self._late)

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        """Begin to answer; a request whose head is being read may have its body there in a moment."""
        if self._is_reading and self._direct:
            self._begun = cycle, app
        else:
            super()._start_asgi_task(cycle, app)

    def _answered(self, cycle: Any) -> bool:
        """Whether the application answers in one call, without a task; the rest is uvicorn's."""
        plain = (
            cycle.keep_alive and not cycle.waiting_for_100_continue and not self.flow.write_paused
        )
        if cycle.more_body or not plain or self.transport.is_closing():
            return False
        answer = self._direct(cycle.scope, bytes(cycle.body))
        if answer is None:
            return False
        first = b"".join([b"%s: %s\r\n" % each for each in self.server_state.default_headers])
        self.transport.write(answer.response(first))
        cycle.response_started = cycle.response_complete = True
        self.on_response_complete()
        return True

    def on_headers_complete(self) -> None:
        """Begin with a request."""
        self._idle.pop(self, None)
        self._stop_waiting()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Be idle, unless the next request has come already."""
        more = bool(self.pipeline)
        super().on_response_complete()
        if not more and not self.transport.is_closing():
            self._idle[self] = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._idle.pop(self, None)
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self, then: Callable[[], None]) -> None:
        self._deadline = self.loop.call_later(SECONDS_TO_SEND_A_HEAD, then)

    def _stop_waiting(self) -> None:
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self.transport.write(_LATE)
        self.transport.close()

    def _make_room(self) -> None:
        longest = next(iter(self._idle))  # this one, where all others are at work
        del self._idle[longest]
        longest.transport.abort()
        now = time.monotonic()
        if now - Connection._warned > SECONDS_BETWEEN_WARNINGS:
            Connection._warned = now
            logger.warning("more than %d connections: those idle longest are closed", self.most)
