"""What a project answers over HTTP, as the application takes it; nothing here imports FastAPI."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from pydantic import BaseModel

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .limits import Limits
    from .metrics import Metrics


REQUEST_ID = b"x-request-id"
# https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


class Answer(NamedTuple):
    """JSON for a caller: a prediction (200), or that there is none now (503)."""

    status: int
    name: bytes
    content: bytes

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As ASGI takes them."""
        later = [(b"retry-after", b"1")] if self.status == 503 else []
        length, name = b"%d" % len(self.content), self.name
        return [(b"content-length", length), (REQUEST_ID, name), *_JSON, *later]

    def response(self, first: bytes) -> bytes:
        """As it goes over the wire; `first` are lines of headers that the server adds."""
        # One format is 1 microsecond, a loop over the headers 9.
        return _RESPONSES[self.status] % (first, len(self.content), self.name, self.content)


_JSON = [(b"content-type", b"application/json"), *SECURITY]
_LINES = b"".join(b"%s: %s\r\n" % header for header in _JSON)
_BEGINNING = b"%%scontent-length: %%d\r\n%s: %%s\r\n%s" % (REQUEST_ID, _LINES)
_RESPONSES = {
    200: b"HTTP/1.1 200 OK\r\n%s\r\n%%s" % _BEGINNING,
    503: b"HTTP/1.1 503 Service Unavailable\r\n%sretry-after: 1\r\n\r\n%%s" % _BEGINNING,
}


class Predictor(Protocol):
    """A loaded model bundle."""

    @property
    def version(self) -> str:
        """The model's version."""

    @property
    def metadata(self) -> dict[str, Any]:
        """What `/model` answers."""


class InBrowser(Protocol):
    """Puts a model into a page; see `site.tables`."""

    def try_it(self, project: Any, api: "Api") -> dict[str, tuple[bytes, str]] | str:
        """The files of the page with what each holds, or why there is none."""

    def compare(self, project: Any, api: "Api", page: Path) -> dict[str, Any]:
        """How its answers compare with the offline ones."""


@dataclass(frozen=True)
class Api:
    """What a project answers over HTTP.

    Attributes
    ----------
    load : callable
        From a bundle's folder to a `Predictor`.
    add_routes : callable
        Gives the application its routes: takes it, the predictor, the limits and the metrics.
    paths : tuple of str
        The routes that need a model.
    value_range : callable
        The range of a numeric target in training, or None, from the predictor.
    in_browser : callable, optional
        Imports and returns what puts the model into a page of the site.
    """

    load: Callable[[Path], Predictor]
    add_routes: Callable[["FastAPI", Any, "Limits", "Metrics"], None]
    paths: tuple[str, ...]
    value_range: Callable[[Any], tuple[float, float] | None] = lambda predictor: None
    in_browser: Callable[[], "InBrowser"] | None = None


class Answered(BaseModel):
    """Which model answered, and when."""

    model_version: str
    prediction_timestamp: datetime


def stamp(response: dict[str, Any], version: str) -> dict[str, Any]:
    """Return `response` with the model's version and the time in UTC."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {**response, "model_version": version, "prediction_timestamp": now}
