"""Behind a proxy: pages that find their parts, probes, and nothing believed of whom nobody trusts."""

import gzip
import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from small_model import FLIGHT, application, save_bundle
from tabular.settings import PROJECT
from toolkit.project.errors import UserError
from toolkit.serving import server
from toolkit.serving.limits import Limits

ROOT = "/apps/late"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("late"))


@pytest.fixture(params=["the proxy takes the path off", "the proxy leaves it"])
def shown(bundle: Path, request: pytest.FixtureRequest) -> TestClient:
    """The service below a path, asked as one of the two kinds of proxy asks it."""
    app = server.below(application(bundle, Limits(root_path=ROOT)), ROOT)
    leaves = request.param == "the proxy leaves it"
    return TestClient(app, base_url="http://service" + ROOT * leaves)


def test_every_page_is_found_below_its_path(shown: TestClient) -> None:
    for page in (shown.get("/docs").text, shown.get("/").text):
        assert not re.findall(r'(?:href|src|fetch\()="?/', page)
    assert shown.get("/openapi.json").json()["servers"] == [{"url": ROOT}]
    assert shown.get("/").status_code == 200
    assert shown.post("/predict", json=FLIGHT).status_code == 200
    metrics = shown.get("/metrics").text
    assert 'http_requests_total{method="POST",route="/predict",status="200"}' in metrics


def test_the_path_alone_leads_to_the_page_and_not_to_another_host(bundle: Path) -> None:
    app = server.below(application(bundle, Limits(root_path=ROOT)), ROOT)
    evil = {"Host": "evil.example"}
    response = TestClient(app).get(ROOT, headers=evil, follow_redirects=False)
    assert response.headers["location"] == f"{ROOT}/"


@pytest.mark.parametrize("path", ["/docs/", "/predict/", "/health/", "/assets"])
def test_no_redirect_is_built_from_what_the_caller_says(bundle: Path, path: str) -> None:
    client = TestClient(application(bundle, Limits()), follow_redirects=False)
    response = client.get(
        path, headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    )
    assert response.status_code == 404
    assert "evil" not in str(response.headers) + response.text


def test_probes_may_ask_for_the_head_only(bundle: Path, tmp_path: Path) -> None:
    client = TestClient(application(bundle, Limits(api_keys=("secret",))))
    for path in ("/health", "/ready"):
        assert client.head(path).status_code == 200
    without = TestClient(application(tmp_path / "models" / "current", Limits()))
    assert without.head("/ready").status_code == 503
    assert "head" not in client.get("/openapi.json").json()["paths"]["/health"]


def test_a_body_that_is_encoded_is_refused_as_such(bundle: Path) -> None:
    client = TestClient(application(bundle, Limits()))
    body = json.dumps(FLIGHT).encode()
    kind = {"Content-Type": "application/json"}
    for path in ("/predict", "/predict/batch", "/explain"):
        packed = {**kind, "Content-Encoding": "gzip"}
        response = client.post(path, content=gzip.compress(body), headers=packed)
        assert response.status_code == 415
        assert response.headers["Accept-Encoding"] == "identity"
    plain = client.post("/predict", content=body, headers={**kind, "Content-Encoding": "identity"})
    assert plain.status_code == 200


@pytest.mark.parametrize(("trusted", "told_apart"), [("127.0.0.1", False), ("10.0.0.0/8", True)])
def test_who_asks_is_believed_of_trusted_addresses_only(
    bundle: Path, monkeypatch: pytest.MonkeyPatch, trusted: str, told_apart: bool
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", trusted)
    app = application(bundle, Limits(rate_per_minute=1))
    settings = server._settings(lambda: app, PROJECT.environment(), workers=1)
    settings.load()
    proxy = TestClient(settings.loaded_app, client=("10.0.0.1", 1))
    answers = [
        proxy.post("/predict", json=FLIGHT, headers={"X-Forwarded-For": caller}).status_code
        for caller in ("203.0.113.1", "203.0.113.2")
    ]
    assert answers == [200, 200 if told_apart else 429]


@pytest.mark.parametrize("path", ["/", "model", "/model/", "/a?b"])
def test_a_root_path_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("ROOT_PATH", path)
    with pytest.raises(UserError, match="root_path"):
        PROJECT.environment()
