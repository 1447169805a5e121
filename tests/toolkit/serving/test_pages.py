"""The pages run their own scripts and nobody else's; every answer says how a browser may use it."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from axe import violations
from chromium import browser
from fastapi import FastAPI, Response
from fastapi.testclient import TestClient
from running import running
from small_model import FLIGHT, application, save_bundle
from tabular.api import API
from tabular.settings import PROJECT
from toolkit.serving import server
from toolkit.serving.app import create_app
from toolkit.serving.front import put_in_front
from toolkit.serving.limits import Limits
from toolkit.serving.metrics import Metrics

REFUSED = (
    "window.refused = []; document.addEventListener('securitypolicyviolation',"
    "(event) => window.refused.push(event.effectiveDirective))"
)
ANSWERS = (
    "/",
    "/docs",
    "/health",
    "/model",
    "/metrics",
    "/openapi.json",
    "/no",
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("model"))


def test_every_answer_says_how_a_browser_may_use_it(bundle: Path) -> None:
    client = TestClient(server.below(application(bundle, Limits(max_body_mb=0.001)), "/late"))
    answers = [client.get(path) for path in ANSWERS]
    answers += [client.post("/predict", json=each) for each in (FLIGHT, {}, {"x": "y" * 5000})]
    answers += [client.put("/predict"), client.get("/late", follow_redirects=False)]
    expected = [200] * (len(ANSWERS) - 1) + [404, 200, 422, 413, 405, 307]
    assert [answer.status_code for answer in answers] == expected
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["referrer-policy"] == "no-referrer"
        (policy,) = answer.headers.get_list("content-security-policy")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy


def test_a_policy_of_the_owners_is_kept() -> None:
    app = FastAPI()

    @app.get("/own")
    def own() -> Response:
        return Response("", headers={"Content-Security-Policy": "default-src https:"})

    put_in_front(app, Limits(), Metrics(set(), ""), "")
    found = TestClient(app).get("/own").headers.get_list("content-security-policy")
    assert found == ["default-src https:"]


def test_a_browser_runs_the_pages_and_no_script_put_into_them(bundle: Path, tmp_path: Path) -> None:
    page_of = browser().Page
    name = "</title><script>window.harmed = true</script>"
    api = create_app(replace(PROJECT, name=name), API, bundle, Limits())
    with running(api) as (host, port), page_of(tmp_path, "about:blank") as page:
        page.call("Page.enable")
        page.call("Page.addScriptToEvaluateOnNewDocument", source=REFUSED)
        for path, ready in (("", "#fields input"), ("docs", "#routes section")):
            page.call("Page.navigate", url=f"http://{host}:{port}/{path}")
            page.wait(f"!!document.querySelector('{ready}')")
            assert page.ask("window.refused.join()") == ""
            page.ask(
                "(() => { const put = document.createElement('script');"
                "put.textContent = 'window.harmed = true'; document.body.append(put); })()"
            )
            assert page.wait("window.refused.join()") == "script-src-elem"
            assert page.ask("window.harmed") is None


def test_the_api_page_sends_its_examples_and_axe_finds_nothing(
    bundle: Path, tmp_path: Path
) -> None:
    api = create_app(PROJECT, API, bundle, Limits(api_keys=("secret",)))
    with (
        running(api) as (host, port),
        browser().Page(tmp_path, f"http://{host}:{port}/docs") as page,
    ):
        page.wait("document.querySelectorAll('#routes section').length > 5")
        part = "document.querySelector('[aria-label=\"POST /predict\"]')"
        page.ask(f"{part}.querySelector('form').requestSubmit()")
        page.wait(f"{part}.querySelector('pre').textContent.startsWith('401')")
        page.ask("document.querySelector('#api-key').value = 'secret'")
        page.ask(f"{part}.querySelector('form').requestSubmit()")
        page.wait(f"{part}.querySelector('pre').textContent.startsWith('200')")
        assert '"prediction"' in page.ask(f"{part}.querySelector('pre').textContent")
        assert violations(page) == []


def test_axe_finds_nothing_on_the_page_that_tries_the_model(bundle: Path, tmp_path: Path) -> None:
    api = create_app(PROJECT, API, bundle, Limits())
    with (
        running(api) as (host, port),
        browser().Page(tmp_path, f"http://{host}:{port}/?predict") as page,
    ):
        page.wait("!!document.querySelector('.bars')")
        assert violations(page) == []


def test_the_scripts_of_a_page_are_those_its_policy_names(bundle: Path) -> None:
    page = TestClient(application(bundle, Limits())).get("/")
    inline = re.findall(r"<(?:script|style)\b", page.text)
    assert len(inline) == page.headers["content-security-policy"].count("'sha256-") == 2
    assert not re.search(r"<[^>]+\s(?:on\w+|style)=", page.text)
