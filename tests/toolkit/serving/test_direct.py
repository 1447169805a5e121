"""A request that comes whole is answered in one call, and by the same bytes as one that comes in pieces."""

import asyncio
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from running import running
from small_model import FLIGHT, application, save_bundle
from toolkit.benchmark import load
from toolkit.serving.api import Answer
from toolkit.serving.limits import Limits

Address = tuple[str, int]
GOOD = json.dumps(FLIGHT).encode()
BAD = [
    b"", b"{", b"[]", b"null", b'{"distance": NaN}', GOOD.replace(b"900", b"1e999"), GOOD.replace(b"UA", b"\xff"),
    GOOD.replace(b"09:00:00", b"09:00:61"), GOOD[:-1] + b', "late": NaN}', GOOD[:-1] + b', "more": 1}', b"[" * 300,
]  # fmt: skip
UNUSUAL = [GOOD.replace(b"900", b'"900"'), GOOD.replace(b"09:00:00", b"09:00"), b"\n" + GOOD + b" "]
# The clock's, and what is counted: no two answers share them.
PASSING = [
    (rb"\r\ndate: [^\r]+", b""),
    (rb"x-request-id: [0-9a-f]{12}-[0-9a-f]{6}", b"x-request-id: ours"),
    (rb'"prediction_timestamp":"[^"]+"', b'"prediction_timestamp":""'),
]


class Counted:
    """Counts the answers that were given in one call."""

    def __init__(self, answers: Callable[..., Answer | None]) -> None:
        self.answers, self.count = answers, 0

    def __call__(self, *given: Any) -> Answer | None:
        answer = self.answers(*given)
        self.count += answer is not None
        return answer


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("model"))


@pytest.fixture
def app(bundle: Path) -> Any:
    found: Any = application(bundle, Limits(api_keys=("right",), max_body_mb=0.01))
    found.direct = Counted(found.direct)
    return found


@pytest.fixture
def address(app: Any) -> Iterator[Address]:
    with running(app) as where:
        yield where


def asked(
    body: bytes, *headers: str, version: str = "1.1", kind: str = "application/json"
) -> bytes:
    told = [
        f"POST /predict HTTP/{version}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*told, *headers, "", ""]).encode() + body


def answered(asking: socket.socket) -> bytes:
    """One answer, without what is never twice the same."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += asking.recv(65536)
    head, _, body = found.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    assert length
    while len(body) < int(length[1]):
        body += asking.recv(65536)
    for pattern, instead in PASSING:
        head, body = re.sub(pattern, instead, head), re.sub(pattern, instead, body)
    return head + b"\r\n\r\n" + body


def both(address: Address, request: bytes) -> tuple[bytes, bytes]:
    """What a request is answered that comes whole, and one that comes in pieces."""
    found = []
    for parts in ([request], [request[:-3], request[-3:]]):
        with socket.create_connection(address, timeout=5) as asking:
            asking.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for part in parts:
                asking.sendall(part)
                time.sleep(0.02 if part is not parts[-1] else 0)
            found.append(answered(asking))
    return found[0], found[1]


KEY = "X-API-Key: right"


@pytest.mark.parametrize("body", [GOOD, *UNUSUAL], ids=range(4))
def test_an_answer_in_one_call_has_the_bytes_of_the_long_way(
    app: Any, address: Address, body: bytes
) -> None:
    whole, pieces = both(address, asked(body, KEY, "X-Request-ID: mine"))
    assert whole == pieces
    assert whole.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"x-request-id: mine\r\n" in whole
    assert app.direct.count == 1


@pytest.mark.parametrize("body", [each for each in BAD if len(each) > 3])
def test_what_is_refused_goes_the_long_way(app: Any, address: Address, body: bytes) -> None:
    whole, pieces = both(address, asked(body, KEY))
    assert whole == pieces
    assert whole.startswith(b"HTTP/1.1 422 ")
    assert app.direct.count == 0


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (asked(GOOD), 401),
        (asked(GOOD, "X-API-Key: wrong"), 401),
        (asked(GOOD, KEY, "Content-Encoding: gzip"), 415),
        (asked(GOOD, KEY, kind="text/plain"), 415),
        (asked(GOOD, KEY, kind="application/json; charset=utf-8"), 200),
        (asked(GOOD + b" " * 20_000, KEY), 413),
        (asked(GOOD, KEY, version="1.0"), 200),
        (asked(GOOD, KEY, "Connection: close"), 200),
        (asked(GOOD, KEY).replace(b"POST /predict", b"POST /predicted"), 404),
        (asked(GOOD, KEY).replace(b"POST ", b"PUT "), 405),
    ],
)
def test_the_unusual_is_left_to_the_server(
    app: Any, address: Address, request_: bytes, status: int
) -> None:
    whole, pieces = both(address, request_)
    assert whole == pieces
    assert int(whole[9:12]) == status
    assert app.direct.count == 0


def test_requests_in_a_row_are_answered_in_their_order(app: Any, address: Address) -> None:
    with socket.create_connection(address, timeout=5) as asking:
        names = [f"number-{number}" for number in range(100)]
        asking.sendall(b"".join(asked(GOOD, KEY, f"X-Request-ID: {name}") for name in names))
        found = b""
        while found.count(b"prediction_timestamp") < len(names):
            found += asking.recv(65536)
    assert re.findall(rb"number-\d+", found) == [name.encode() for name in names]
    assert found.count(b"HTTP/1.1 200 OK") == len(names)


def test_it_is_counted_and_logged_once(
    app: Any, address: Address, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, body in enumerate([GOOD, b"{}"]):
        both(address, asked(body, KEY, f"X-Request-ID: once-{number}"))
    metrics = app.state.metrics.text().decode()
    for status in (200, 422):
        assert f'method="POST",route="/predict",status="{status}"}} 2.0' in metrics
    app.middleware_stack.log.flush()
    lines = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    found = [(each["request_id"], each["status"]) for each in lines if "once" in str(each)]
    assert found == [("once-0", 200)] * 2 + [("once-1", 422)] * 2


def test_beyond_the_limit_it_is_refused_as_on_the_long_way(bundle: Path) -> None:
    limits = Limits(max_in_flight=8)
    app: Any = application(bundle, limits)
    app.direct = Counted(app.direct)
    with running(app) as address:
        request = load.request_of("/predict", "application/json", GOOD)
        found = load.ask(address, [request], connections=64, seconds=1)
    assert set(found.statuses) == {200, 503}
    assert app.direct.count >= sum(found.statuses.values())
    busy = Answer(503, b"id", b"{}").response(b"")
    assert b"\r\nretry-after: 1\r\n" in busy


def test_who_is_refused_gives_no_place_back(bundle: Path) -> None:
    """Within one turn of the event loop, callers without the key do not make room for others."""
    app: Any = application(bundle, Limits(api_keys=("right",), max_in_flight=2))

    def status(key: bytes) -> int | None:
        headers = [(b"content-type", b"application/json"), (b"x-api-key", key)]
        scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers}
        return getattr(app.direct(scope, GOOD), "status", None)

    async def one_turn() -> list[int | None]:
        return [status(key) for key in [b"right", b"right", b"wrong", b"wrong", b"right"]]

    assert asyncio.run(one_turn()) == [200, 200, None, None, 503]
