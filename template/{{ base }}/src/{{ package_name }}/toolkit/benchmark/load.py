"""A bounded load: some kept connections, each of which asks again as soon as it is answered.

The load is closed: no more requests are under way than there are connections, so latencies are those of
that many callers and not of an open crowd. What the asking itself costs is measured too, for it runs on
the same machine: near 1 it is what limits the numbers, and not the service.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import cast

from tqdm import tqdm

from ..project.errors import UserError

SECONDS_TO_WARM_UP = 1.0
_SECONDS_OF_A_STEP = 0.1


@dataclass
class Load:
    """What was measured.

    Attributes
    ----------
    milliseconds : list of float
        From a request's first byte to its answer's last, of each request that was answered with 200.
    statuses : Counter of int
        Answers by status.
    seconds : float
        How long it was measured.
    client_cores : float
        The share of a core that asking took.
    """

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    client_cores: float = 0.0


def request_of(path: str, kind: str, body: bytes, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A POST as it goes over the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(
    address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float
) -> Load:
    """Ask for some seconds, after one that is not measured.

    Parameters
    ----------
    address : tuple of str and int
    requests : sequence of bytes
        Sent in turn, and from the first again.
    connections : int
    seconds : float

    Raises
    ------
    UserError
        If the service closes a connection.
    """
    new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
    with contextlib.suppress(ImportError):  # there is none for Windows
        import uvloop

        new_loop = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_ask(address, requests, connections, seconds))


async def _ask(
    address: tuple[str, int], requests: Sequence[bytes], connections: int, seconds: float
) -> Load:
    loop, turns, measured = asyncio.get_running_loop(), cycle(requests), Load()
    # A second connection begins elsewhere in the list only because the first has taken its request.
    opened = [
        (await loop.create_connection(lambda: _Connection(turns, measured), *address))[1]
        for _ in range(connections)
    ]
    steps = [SECONDS_TO_WARM_UP, *[_SECONDS_OF_A_STEP] * round(seconds / _SECONDS_OF_A_STEP)]
    try:
        for place, step in enumerate(tqdm(steps, desc="asking", unit="step", leave=False)):
            await asyncio.sleep(step)
            if place == 0:
                measured.milliseconds.clear()
                measured.statuses.clear()
                began, used = time.perf_counter(), time.process_time()
            if any(connection.is_closed for connection in opened):
                raise UserError("The service closed a connection; its log says why.")
        measured.seconds = time.perf_counter() - began
        measured.client_cores = (time.process_time() - used) / measured.seconds
    finally:
        for connection in opened:
            connection.transport.abort()
    return measured


class _Connection(asyncio.Protocol):
    """One kept connection."""

    transport: asyncio.Transport

    def __init__(self, turns: Iterator[bytes], measured: Load) -> None:
        self._turns, self._measured = turns, measured
        self._received = b""
        self._started = 0.0
        self.is_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        self.is_closed = True

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        length = head.lower().partition(b"\r\ncontent-length: ")[2].partition(b"\r\n")[0]
        if len(body) < int(length):
            return
        status = int(head[9:12])
        self._measured.statuses[status] += 1
        if status == 200:
            self._measured.milliseconds.append(1000 * (time.perf_counter() - self._started))
        self._next()

    def _next(self) -> None:
        self._received = b""
        self._started = time.perf_counter()
        self.transport.write(next(self._turns))
