"""Bodies that no caller sends by mistake alone: refused or answered, soon, and without the inside."""

import gzip
import json
import random
import re
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from small_model import FLIGHT, application, save_bundle
from toolkit.serving.limits import Limits

INSIDE = re.compile(r"Traceback|site-packages|\.py\b|/tmp/|/root/|/home/")
# The longest is a batch of the most records; a hang is thousands of times as long.
SECONDS = 10.0
SCRAPS = [
    b"NaN", b"-Infinity", b"1e999", b"-0.0", b"9" * 400, b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\u0000"', b"null",
    b"[]", b"{}", b"[" * 300, b'{"a":' * 300, b'"' + b"x" * 5000 + b'"', b"\xff\xfe", b"\xed\xa0\x80", b"true",
    b'"2013-02-30"', b'"9999-12-31T23:59:59-14:00"', b'"0001-01-01T00:00:00+14:00"', b'"900"', b"\x00", b"/**/",
    b'"distance":1,"distance":2', b',"__proto__":{}', b',"c0":1', b'"\\u202e"', b"1_000", b"0x1F", b"01", b"+1",
]  # fmt: skip


def mangled(random_: random.Random, bodies: list[bytes]) -> bytes:
    """A valid body, damaged in one to four ways."""
    body = random_.choice(bodies)
    for _ in range(random_.randint(1, 4)):
        start = random_.randrange(len(body) + 1)
        end = min(len(body), start + random_.randrange(12))
        match random_.randrange(7):
            case 0:
                body = body[:start]
            case 1:
                body = body[:start] + random_.choice(SCRAPS) + body[end:]
            case 2:
                body = body[:start] + random_.randbytes(end - start) + body[end:]
            case 3:
                body = body[:end] + body[start:]
            case 4:
                found = re.search(rb"[^,:}\]]+(?=[,}])", body[start:])
                span = found.span() if found else (0, 0)
                body = body[: start + span[0]] + random_.choice(SCRAPS) + body[start + span[1] :]
            case 5:
                body = gzip.compress(body)
            case _:
                body = body.replace(b"}", b", " + body[1:] if body[:1] == b"{" else b"}", 1)
        body = body[:50_000]
    return body


@pytest.mark.parametrize(
    "bodies", [5000, pytest.param(100_000, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_no_body_is_a_failure_a_hang_or_a_look_inside(tmp_path: Path, bodies: int) -> None:
    app = application(save_bundle(tmp_path), Limits(max_body_mb=0.1, max_batch=50))
    client: Any = TestClient(app, raise_server_exceptions=False)
    columns = {name: [value] * 3 for name, value in FLIGHT.items()}
    whole = [
        ("/predict", [json.dumps(FLIGHT).encode()]),
        (
            "/predict/batch",
            [
                json.dumps(each).encode()
                for each in ({"records": [FLIGHT] * 3}, {"columns": columns})
            ],
        ),
    ]
    random_ = random.Random(0)
    statuses = set()
    for _ in range(bodies):
        path, given = random_.choice(whole)
        body = mangled(random_, given)
        kind = random_.choice(
            ["application/json", "application/json; charset=x", "application/a+json"]
        )
        started = time.perf_counter()
        response = client.post(path, content=body, headers={"Content-Type": kind})
        statuses.add(response.status_code)
        assert response.status_code in (200, 422), (path, body, response.text)
        assert not INSIDE.search(response.text), (path, body, response.text)
        assert len(response.content) < 50_000, (path, body)
        assert time.perf_counter() - started < SECONDS, (path, body)
        json.loads(response.content, parse_constant=pytest.fail)  # strict: no NaN in an answer
    assert statuses == {200, 422}
