"""How often one caller may ask, and the seconds to wait of one who asks too often."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.types import Scope

MOST_CALLERS = 10_000


class Rate:
    """Each caller has a minute's worth of requests, which grows back steadily.

    A caller is a key; where none is asked for, an address (for IPv6 its network of 64 bits, which one
    household or machine has to itself). Of each caller one number is kept: when all requests so far will
    have been paid off (the generic cell rate algorithm, ITU-T I.371).

    Parameters
    ----------
    per_minute : int
        Requests a minute, and how many may come at once after a pause.
    clock : callable
        Seconds that never go back.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._step = 60.0 / per_minute
        self._clock = clock
        self._paid_off: OrderedDict[str, float] = OrderedDict()

    def seconds_to_wait(self, caller: str) -> int:
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


def caller_of(scope: Scope) -> str:
    """Who asks without a key, as `Rate` counts callers."""
    host = (scope.get("client") or ("unknown", 0))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return str(host)
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return host
