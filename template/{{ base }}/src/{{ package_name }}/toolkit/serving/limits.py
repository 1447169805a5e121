"""Bounds of the service, and what is said beyond them."""

from dataclasses import dataclass, field

from fastapi import HTTPException

# Probes and scrapers cannot send a key, and the two pages hold nothing but the schema.
OPEN_PATHS = frozenset({"/", "/health", "/ready", "/metrics", "/docs", "/openapi.json"})


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
        Requests one process works on at a time, bodies that are still arriving apart; above it the
        answer is 503 with Retry-After.
    rate_per_minute : int
        Requests one caller may make of one process; above it the answer is 429 with Retry-After. 0
        is without a bound. A caller is a key, or an address where no keys are asked for.
    api_keys : tuple of str
        `X-API-Key` must hold one of them, except on the open paths; with none, it is not looked at.
    root_path : str
        Under which a proxy shows the service, such as `/model`; empty without one.
    """

    max_body_mb: float = 10
    max_batch: int = 10_000
    max_in_flight: int = 64
    rate_per_minute: int = 0
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    root_path: str = ""

    @property
    def max_body_bytes(self) -> int:
        """The largest body in bytes."""
        return int(self.max_body_mb * 2**20)

    def too_large(self) -> HTTPException:
        """The answer to a body that is larger."""
        detail = f"The body is larger than {self.max_body_mb:g} MiB, the most allowed."
        return HTTPException(413, detail)

    def busy(self) -> HTTPException:
        """The answer while `max_in_flight` requests are worked on."""
        detail = f"Busy with {self.max_in_flight} requests, the most allowed. Try again soon."
        return HTTPException(503, detail, {"Retry-After": "1"})


def is_open(path: str) -> bool:
    """Whether `path` is answered without a key and whatever the load."""
    return path in OPEN_PATHS
