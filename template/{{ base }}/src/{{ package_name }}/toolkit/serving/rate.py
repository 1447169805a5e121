"""How often one caller may ask: 429 and the seconds to wait, before any work is done."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .limits import is_open

MOST_CALLERS = 10_000


class Rate:
    """ASGI middleware: each caller has a minute's worth of requests, which grows back steadily.

    A caller is an address (for IPv6 its network of 64 bits, which one household or machine has to
    itself): the service has one key, so the key does not tell callers apart. Of each caller one number
    is kept: when all requests so far will have been paid off (the generic cell rate algorithm, ITU-T
    I.371).

    Parameters
    ----------
    app : ASGIApp
        What answers.
    per_minute : int
        Requests a minute, and how many may come at once after a pause.
    clock : callable
        Seconds that never go back.
    """

    def __init__(
        self, app: ASGIApp, per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.app = app
        self.per_minute = per_minute
        self._step = 60.0 / per_minute
        self._clock = clock
        self._paid_off: OrderedDict[str, float] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass the request on."""
        if scope["type"] == "http" and not is_open(scope["path"]):
            seconds = self._seconds_to_wait(_caller(scope))
            if seconds:
                detail = f"More than {self.per_minute} requests a minute. Try again in {seconds} s."
                headers = {"Retry-After": str(seconds)}
                await JSONResponse({"detail": detail}, 429, headers)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _seconds_to_wait(self, caller: str) -> int:
        """Count a request; 0 if it may be answered."""
        now = self._clock()
        due = max(self._paid_off.pop(caller, now), now) + self._step
        too_early = due - now - 60.0
        if too_early > 1e-9:
            self._paid_off[caller] = due - self._step
            return math.ceil(too_early)
        self._paid_off[caller] = due
        if len(self._paid_off) > MOST_CALLERS:
            self._paid_off.popitem(last=False)
        return 0


def _caller(scope: Scope) -> str:
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
