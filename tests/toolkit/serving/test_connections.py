"""Idle, slow and excess connections stop nobody; what is too much is told so at once."""

import asyncio
import json
import logging
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import running
from small_model import FLIGHT, application, save_bundle
from toolkit.benchmark import load
from toolkit.serving import connections, front
from toolkit.serving.connections import Connection
from toolkit.serving.limits import Limits

Address = tuple[str, int]
BODY = json.dumps(FLIGHT).encode()
REQUEST = load.request_of("/predict", "application/json", BODY)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("model"))


@pytest.fixture
def address(bundle: Path) -> Iterator[Address]:
    with running(application(bundle, Limits())) as where:
        yield where


def status_of(address: Address, request: bytes = REQUEST, within: float = 5) -> int:
    """The status of one request over a new connection."""
    with socket.create_connection(address, timeout=within) as asking:
        asking.sendall(request)
        return int(asking.recv(4096)[9:12])


def opened(address: Address, count: int, sent: bytes = b"") -> list[socket.socket]:
    found = [socket.create_connection(address, timeout=5) for _ in range(count)]
    for each in found:
        each.sendall(sent)
    return found


def closed(asking: socket.socket) -> bytes:
    """What came until the other side closed."""
    found = b""
    while part := asking.recv(4096):
        found += part
    return found


@pytest.mark.parametrize("count", [100, pytest.param(10_000, marks=pytest.mark.long)])
def test_idle_connections_beyond_the_most_are_closed_and_stop_nobody(
    address: Address, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    most = count // 2  # this process holds both ends
    monkeypatch.setattr(Connection, "most", most)
    monkeypatch.setattr(Connection, "_warned", float("-inf"))
    caplog.set_level(logging.WARNING)
    idle: list[socket.socket] = []
    for _ in range(count // 50):
        idle += opened(address, 50)
        assert status_of(address) == 200
    assert closed(idle[0]) == b""
    for each in idle:
        each.close()
    assert [line.message for line in caplog.records] == [
        f"more than {most} connections: those idle longest are closed"
    ]


def test_the_newcomer_takes_the_place_of_the_longest_idle(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "most", 3)
    first, second, third = opened(address, 3)
    first.sendall(REQUEST)  # so that it has been idle for less time than the second
    assert first.recv(4096)[9:12] == b"200"
    assert status_of(address) == 200
    assert closed(second) == b""
    first.sendall(REQUEST)
    assert first.recv(4096)[9:12] == b"200"
    for each in (first, second, third):
        each.close()


def test_what_sends_no_whole_head_is_closed(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "SECONDS_TO_SEND_A_HEAD", 0.2)
    (silent,) = opened(address, 1)
    (kept,) = opened(address, 1, REQUEST)
    assert kept.recv(4096)[9:12] == b"200"
    kept.sendall(b"POST /predict HTTP/1.1\r\nHost:")
    assert closed(silent) == b""
    assert closed(kept).startswith(b"HTTP/1.1 408 ")
    silent.close()
    kept.close()


@pytest.mark.parametrize("count", [100, pytest.param(500, marks=pytest.mark.long)])
def test_slow_senders_stop_nobody(
    address: Address, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(front, "SECONDS_TO_SEND_A_BODY", 1.5)
    slow = opened(address, count, REQUEST[: -len(BODY) // 2])  # all but half of the body
    started = time.monotonic()
    answered = 0
    while time.monotonic() - started < 1:
        assert status_of(address, within=2) == 200
        answered += 1
    assert answered > 5
    for each in slow:
        each.settimeout(10)
        assert closed(each).startswith(b"HTTP/1.1 408 ")
        each.close()


def test_more_slow_senders_than_are_waited_for_are_told_to_come_back(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(front, "MOST_ARRIVING", 5)
    slow = opened(address, 5, REQUEST[:-5])
    late = opened(address, 1, REQUEST[:-5])[0]
    answer = late.recv(4096)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in answer.lower()
    slow[0].sendall(REQUEST[-5:])
    assert slow[0].recv(4096)[9:12] == b"200"
    for each in (*slow, late):
        each.close()


@pytest.mark.parametrize("seconds", [1, pytest.param(60, marks=pytest.mark.long)])
def test_a_crowd_is_refused_at_once_and_leaves_no_trace(bundle: Path, seconds: float) -> None:
    """Many times the connections that are worked on at a time; all ask again without a pause."""
    with running(application(bundle, Limits(max_in_flight=8))) as address:
        found = load.ask(address, [REQUEST], connections=64, seconds=seconds)
        assert set(found.statuses) == {200, 503}
        assert found.statuses[200] > 0
        started = time.monotonic()
        assert status_of(address) == 200
        assert status_of(address, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n") == 200
        assert time.monotonic() - started < 2


def test_the_limit_of_descriptors_is_raised_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(Connection, "most", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 1024), hard))
        most = connections.prepare()
        raised, kept = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert kept == hard
        assert raised == min(hard, 20_256)
        assert most == Connection.most == raised - 256
        assert f"at most {most} connections at once (open files: {raised})" in caplog.messages
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_after_a_failure_the_connection_says_what_it_does(bundle: Path) -> None:
    app = application(bundle, Limits())
    app.middleware_stack.endpoints["/predict"] = lambda content: 1 / 0  # type: ignore[union-attr]
    with running(app) as address, socket.create_connection(address, timeout=5) as asking:
        for _ in range(2):  # it stays open, and does not say otherwise
            asking.sendall(REQUEST)
            answer = asking.recv(4096)
            assert answer.startswith(b"HTTP/1.1 500 ")
            assert b"connection: close" not in answer


def test_a_caller_who_leaves_is_no_failure(
    address: Address, capsys: pytest.CaptureFixture[str]
) -> None:
    (gone,) = opened(address, 1, REQUEST[:-5])
    gone.close()
    assert status_of(address) == 200
    asyncio.run(asyncio.sleep(0.4))  # the log is written four times a second
    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["status"] for line in logged} <= {200, 499}
    assert "failed" not in str(logged)
