"""The parts of the service that know no model: key, load, size, time, errors, log."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field
from small_model import application
from tabular.settings import PROJECT
from toolkit.project.errors import UserError
from toolkit.serving import front, log, rate, server
from toolkit.serving.errors import add_handlers
from toolkit.serving.front import put_in_front
from toolkit.serving.json_route import add_json_route
from toolkit.serving.limits import Limits
from toolkit.serving.metrics import Metrics


class Item(BaseModel):
    size: int = Field(le=10)


class Twice(BaseModel):
    twice: int


def guarded(bounds: Limits, clock: Callable[[], float] = time.monotonic) -> FastAPI:
    """An application with the service's guard, log and errors, and routes of its own."""
    app = FastAPI()

    def double(body: Item) -> dict[str, int]:
        return {"twice": 2 * body.size}

    add_json_route(app, "/predict", double, Item, Twice, {"size": 1}, "Double", in_loop=True)
    add_json_route(app, "/predict/thread", double, Item, Twice, {"size": 1}, "Double, later")

    @app.post("/slow")
    async def slow() -> str:
        await asyncio.sleep(0.2)
        return "done"

    @app.post("/read")
    async def read(request: Request) -> int:
        return len(await request.body())

    @app.post("/broken")
    async def broken() -> None:
        raise ZeroDivisionError("secret detail")

    @app.get("/health")
    async def health() -> str:
        return "well"

    add_handlers(app)
    put_in_front(app, bounds, Metrics({"/predict"}, "v1"), "v1", clock=clock)
    return app


def client_for(bounds: Limits) -> TestClient:
    return TestClient(guarded(bounds), raise_server_exceptions=False)


def test_the_key_is_asked_for_everywhere_but_on_open_paths() -> None:
    client = client_for(Limits(api_keys=("s3cret-ключ",)))
    right = {"X-API-Key": "s3cret-ключ".encode()}
    refused = client.post("/predict", json={"size": 1})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "ApiKey")
    assert client.post("/predict", json={"size": 1}, headers={"X-API-Key": "s3"}).status_code == 401
    assert client.post("/predict", json={"size": 1}, headers=right).json() == {"twice": 2}
    assert client.get("/not-there").status_code == 401
    assert client.get("/health").status_code == 200


def test_a_caller_who_asks_too_often_is_told_when_to_come_back() -> None:
    now = 0.0
    limited = guarded(Limits(rate_per_minute=3), clock=lambda: now)
    one, other = (TestClient(limited, client=(address, 1)) for address in ("10.0.0.1", "10.0.0.2"))

    def ask(client: TestClient) -> int:
        return client.post("/predict", json={"size": 1}).status_code

    assert [ask(one) for _ in range(5)] == [200, 200, 200, 429, 429]
    refused = one.post("/predict", json={"size": 1})
    assert refused.headers["Retry-After"] == "20"
    assert "3 requests a minute" in refused.json()["detail"]
    assert ask(other) == 200
    assert one.get("/health").status_code == 200
    now = 20.0
    assert [ask(one), ask(one)] == [200, 429]
    now = 1000.0
    assert [ask(one) for _ in range(4)] == [200, 200, 200, 429]


def test_with_keys_it_is_the_key_that_asks_too_often_from_wherever() -> None:
    limited = guarded(Limits(rate_per_minute=2, api_keys=("ada", "bob")), clock=lambda: 0.0)

    def ask(key: str, address: str) -> int:
        client = TestClient(limited, client=(address, 1))
        return client.post("/predict", json={"size": 1}, headers={"X-API-Key": key}).status_code

    assert [ask("ada", f"10.0.0.{number}") for number in range(3)] == [200, 200, 429]
    assert [ask("eve", "10.0.0.1") for _ in range(3)] == [401, 401, 401]
    assert ask("bob", "10.0.0.1") == 200


def test_keys_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", " ada, bob,,")
    assert PROJECT.environment().api_keys == ("ada", "bob")
    monkeypatch.setenv("API_KEY", " , ")
    with pytest.raises(UserError, match="api_key"):
        PROJECT.environment()
    monkeypatch.setenv("API_KEY", "")
    assert PROJECT.environment().api_keys == ()


def test_a_network_of_ipv6_is_one_caller_and_the_memory_is_bounded() -> None:
    limited = guarded(Limits(rate_per_minute=1), clock=lambda: 0.0)

    def ask(address: str) -> int:
        client = TestClient(limited, client=(address, 1))
        return client.post("/predict", json={"size": 1}).status_code

    assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8:0:1::1")] == [200, 429, 200]
    kept = rate.Rate(per_minute=1, clock=lambda: 0.0)
    for number in range(rate.MOST_CALLERS + 10):
        kept.seconds_to_wait(str(number))
    assert len(kept._paid_off) == rate.MOST_CALLERS


def test_no_key_is_asked_for_when_none_is_set() -> None:
    assert client_for(Limits()).post("/predict", json={"size": 1}).status_code == 200


def test_the_key_is_not_in_the_printed_limits() -> None:
    assert "s3cret" not in repr(Limits(api_keys=("s3cret",)))


def test_more_than_the_allowed_requests_at_once_are_told_to_come_back() -> None:
    async def ask() -> list[httpx2.Response]:
        transport = httpx2.ASGITransport(app=guarded(Limits(max_in_flight=2)))
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            first = await asyncio.gather(*(client.post("/slow") for _ in range(5)))
            return [*first, await client.get("/health"), await client.post("/slow")]

    *crowd, health, later = asyncio.run(ask())
    assert sorted(response.status_code for response in crowd) == [200, 200, 503, 503, 503]
    assert all("Retry-After" in each.headers for each in crowd if each.status_code == 503)
    assert health.status_code == later.status_code == 200


@pytest.mark.parametrize("route", ["/predict", "/read"])
def test_large_bodies_are_refused_declared_or_chunked(route: str) -> None:
    client = client_for(Limits(max_body_mb=0.01))
    kind = {"Content-Type": "application/json"}
    declared = client.post(route, content=b" " * 20_000, headers=kind)
    chunked = client.post(route, content=iter([b" " * 5_000] * 4), headers=kind)
    assert declared.status_code == chunked.status_code == 413
    assert "0.01 MiB" in declared.json()["detail"] == chunked.json()["detail"]


def test_a_body_that_never_ends_gives_its_place_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front, "SECONDS_TO_SEND_A_BODY", 0.05)

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" "
            await asyncio.sleep(0.02)

    async def ask() -> httpx2.Response:
        transport = httpx2.ASGITransport(app=guarded(Limits()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.post("/read", content=drip())

    assert asyncio.run(ask()).status_code == 408


def test_422_is_in_fastapi_shape_with_value_and_bound() -> None:
    response = client_for(Limits()).post("/predict", json={"size": 11})
    assert response.status_code == 422
    (problem,) = response.json()["detail"]
    assert problem["loc"] == ["body", "size"]
    assert (problem["input"], problem["ctx"]) == (11, {"le": 10})


def test_an_endpoint_that_would_ignore_a_parameter_is_refused() -> None:
    def endpoint(body: Item, verbose: bool = False) -> None: ...

    with pytest.raises(TypeError, match="one body"):
        add_json_route(FastAPI(), "/x", endpoint, Item, Twice, {"size": 1}, "X")


def test_a_failure_shows_nothing_of_the_inside() -> None:
    response = client_for(Limits()).post("/broken")
    assert response.status_code == 500
    assert response.json() == {"detail": "The service failed; its log says why."}


def test_each_request_is_one_line_without_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    app = guarded(Limits())
    client = TestClient(app)
    named = client.post("/predict?who=alice", json={"size": 7}, headers={"X-Request-ID": "mine-1"})
    unnamed = client.post("/predict", json={"size": 77777})
    app.middleware_stack.log.flush()  # type: ignore[union-attr]
    said = capsys.readouterr().out  # the services of earlier tests may still write theirs
    lines = map(json.loads, said.splitlines())
    names = ["mine-1", unnamed.headers["X-Request-ID"]]
    first, second = [line for line in lines if line["request_id"] in names]
    assert (first["path"], first["status"], first["model_version"]) == ("/predict", 200, "v1")
    assert named.headers["X-Request-ID"] == first["request_id"] == "mine-1"
    assert unnamed.headers["X-Request-ID"] == second["request_id"]
    assert second["status"] == 422
    assert "alice" not in said
    assert "77777" not in said


def test_a_line_is_json_whatever_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines are put together without `json`; paths are anybody's, and not all are kept."""
    kept = log.RequestLog('a "version"')
    paths = ['/"quoted"\n', "/ü\ud800", "/%s{}", "/" + "x" * 500]
    paths += [f"/{number}" for number in range(2 * log.MOST_PATHS)]
    before = datetime.now(UTC)
    for path in paths:
        kept.add("POST", path, 404, 0.00123456, b"id-1")
    assert len(kept._paths) == log.MOST_PATHS
    kept.flush()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["path"] for line in lines] == [path[:200] for path in paths]
    times = [datetime.fromisoformat(line.pop("time")) for line in lines]
    assert before - timedelta(milliseconds=1) <= times[0] <= times[-1] <= datetime.now(UTC)
    assert {**lines[0], "path": ""} == {
        "level": "info",
        "message": "request",
        "method": "POST",
        "path": "",
        "status": 404,
        "milliseconds": 1.23,
        "request_id": "id-1",
        "model_version": 'a "version"',
    }


def test_without_a_model_the_service_is_up_and_says_so(tmp_path: Path) -> None:
    client = TestClient(application(tmp_path / "models" / "current", Limits()))
    health = client.get("/health").json()
    assert (health["status"], health["model_loaded"]) == ("degraded", False)
    assert client.get("/ready").status_code == 503
    assert client.get("/").status_code == 200
    refused = client.post("/predict", json={})
    assert refused.status_code == 503
    assert "train" in refused.json()["detail"]
    assert str(tmp_path) not in refused.text


def test_an_address_in_use_is_the_user_s_to_solve() -> None:
    with server._listen("127.0.0.1", 0) as taken:
        port: Any = taken.getsockname()[1]
        with pytest.raises(UserError, match="--port"):
            server._listen("127.0.0.1", port)
