"""The service of a small model: a flight is late when `distance` is large."""

import asyncio
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from small_model import FLIGHT, ROWS, application, save_bundle
from tabular.api import load
from toolkit.profiling.schema import columns_from_records
from toolkit.project.errors import UserError
from toolkit.project.files import write_bytes
from toolkit.serving.limits import Limits
from toolkit.tables.predictor import Predictor
from toolkit.training.bundle import add_findings


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_bundle(tmp_path_factory.mktemp("late"))


@pytest.fixture(scope="module")
def client(bundle: Path) -> TestClient:
    app = application(bundle, Limits(max_body_mb=0.1, max_batch=50))
    return TestClient(app, raise_server_exceptions=False)


def post(client: TestClient, content: str | bytes, kind: str = "application/json") -> Any:
    return client.post("/predict", content=content, headers={"Content-Type": kind})


def offline(predictor: Predictor, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the arrays answer, as `predict` reads them."""
    return predictor.predict_columns(columns_from_records(predictor.schema, records))


def probability(distance: float, late_rate: float) -> float:
    return float(1 / (1 + np.exp(1 - distance / 1000 - late_rate)))


def test_one_record_is_answered_with_everything_promised(client: TestClient) -> None:
    response = client.post("/predict", json=FLIGHT)
    answer = response.json()
    assert response.status_code == 200, response.text
    late = probability(900, 0.5)  # 0.5 is UA's rate in the snapshot
    assert answer["probabilities"]["true"] == pytest.approx(late, abs=1e-6)
    assert answer["probabilities"]["false"] == pytest.approx(1 - late, abs=1e-6)
    assert answer["prediction"] is True
    assert answer["threshold"] == 0.3
    assert answer["needs_review"] is (min(2 * late, 1 - late) > 0.6)
    assert answer["model_version"] == "v1"
    assert answer["prediction_timestamp"].endswith(("Z", "+00:00"))
    assert answer["warnings"] == []


def test_threshold_not_one_half_decides(client: TestClient) -> None:
    likely = client.post("/predict", json={**FLIGHT, "distance": 350, "late_rate": 0}).json()
    unlikely = client.post("/predict", json={**FLIGHT, "distance": 0, "late_rate": 0}).json()
    assert likely["probabilities"]["true"] < 0.5
    assert likely["prediction"] is True
    assert unlikely["prediction"] is False


def test_the_dearest_decisions_go_to_a_person(client: TestClient) -> None:
    """Not those at 0.5: a miss costs twice as much, so that a third is where most is at stake."""
    dear = client.post("/predict", json={**FLIGHT, "distance": 350, "late_rate": 0}).json()
    even = client.post("/predict", json={**FLIGHT, "distance": 1000, "late_rate": 0}).json()
    far = client.post("/predict", json={**FLIGHT, "distance": 4900, "late_rate": 0}).json()
    assert [each["needs_review"] for each in (dear, even, far)] == [True, False, False]


def test_what_evaluate_found_turns_review_off(bundle: Path) -> None:
    record = {**FLIGHT, "distance": 350, "late_rate": 0}
    assert offline(load(bundle), [record])[0]["needs_review"]
    off = {"on": False, "cutoff": 0.6, "costs": None, "reason": "it finds no more than chance"}
    add_findings(bundle, "v1", {"review": off})
    predictor = load(bundle)
    assert not offline(predictor, [record])[0]["needs_review"]
    assert predictor.metadata["review"] == off  # what GET /model tells
    add_findings(bundle, "v0", {"review": off})  # of another version
    assert offline(load(bundle), [record])[0]["needs_review"]


def test_a_given_value_beats_the_snapshot(client: TestClient) -> None:
    answer = client.post("/predict", json={**FLIGHT, "late_rate": 0.1}).json()
    assert answer["probabilities"]["true"] == pytest.approx(probability(900, 0.1), abs=1e-6)


def test_a_value_outside_the_training_range_is_answered_said_and_counted(
    client: TestClient,
) -> None:
    def counted() -> float:
        (line,) = re.findall(
            r"^predictions_with_warnings_total (.+)$", client.get("/metrics").text, re.M
        )
        return float(line)

    before = counted()
    answered = client.post("/predict", json={**FLIGHT, "distance": 2500})
    assert answered.status_code == 200
    assert "distance: 2500 is outside the training data, 0 to 1900." in answered.json()["warnings"]
    assert counted() == before + 1


def test_unseen_category_and_unknown_key_are_said(client: TestClient) -> None:
    answer = client.post("/predict", json={**FLIGHT, "carrier": "ZZ"}).json()
    assert any("late_rate" in text and "ZZ" in text for text in answer["warnings"])
    assert any("carrier" in text and "unknown" in text for text in answer["warnings"])


def test_ignored_columns_are_accepted(client: TestClient) -> None:
    plain = client.post("/predict", json=FLIGHT).json()
    more = client.post("/predict", json={**FLIGHT, "tail_number": "N1", "late": True}).json()
    assert more["probabilities"] == plain["probabilities"]


def test_alone_or_in_a_batch_the_answer_is_the_same(client: TestClient, bundle: Path) -> None:
    records = [*ROWS, FLIGHT, {**FLIGHT, "carrier": "ZZ"}, {**FLIGHT, "night flight?": True}]
    many = client.post("/predict/batch", json={"records": records}).json()
    names = sorted({name for record in records for name in record} - {"tail_number", "late"})
    columns = {name: [record.get(name) for record in records] for name in names}
    arrays = client.post("/predict/batch", json={"columns": columns}).json()["predictions"]
    assert many["model_version"] == "v1"
    each = zip(records, many["predictions"], offline(load(bundle), records), arrays, strict=True)
    for record, in_batch, from_file, from_columns in each:
        alone = client.post("/predict", json=record).json()
        assert alone["probabilities"] == pytest.approx(from_columns["probabilities"], abs=1e-6)
        assert alone["warnings"] == from_columns["warnings"]
        assert alone["probabilities"] == pytest.approx(in_batch["probabilities"], abs=1e-6)
        assert alone["probabilities"] == pytest.approx(from_file["probabilities"], abs=1e-6)
        assert alone["warnings"] == in_batch["warnings"] == from_file["warnings"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "`records` or `columns`"),
        ({"records": [FLIGHT], "columns": {"distance": [1]}}, "Field required"),
        ({"columns": {n: [v, v] if n == "at" else [v] for n, v in FLIGHT.items()}}, "equally long"),
        ({"columns": {n: [v] for n, v in FLIGHT.items()} | {"x": [1]}}, "not permitted"),
        ({"columns": {n: [v] for n, v in FLIGHT.items()} | {"distance": [9e9]}}, "5000"),
        ({"columns": {n: [v] * 51 for n, v in FLIGHT.items()}}, "50 items"),
        ({"columns": {n: [] for n in FLIGHT}}, "at least 1 item"),
    ],
)
def test_columns_that_are_no_table_are_refused(
    client: TestClient, body: dict[str, Any], said: str
) -> None:
    response = client.post("/predict/batch", json=body)
    assert response.status_code == 422
    assert said in response.text


def test_regression_answers_a_value_and_flags_the_widest_intervals(tmp_path: Path) -> None:
    client = TestClient(application(save_bundle(tmp_path, regression=True), Limits()))
    usual = client.post("/predict", json={**FLIGHT, "late_rate": 0.1}).json()
    assert usual["value"] == usual["prediction"] == pytest.approx(0.0, abs=1e-6)
    assert usual["interval"] == pytest.approx([-0.5, 0.5], abs=1e-6)
    assert usual["needs_review"] is False
    assert "probabilities" not in usual
    assert client.post("/predict", json={**FLIGHT, "distance": 4000}).json()["needs_review"] is True
    assert "prediction_value_count 2.0" in client.get("/metrics").text


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"distance": 5001}, "distance", "5000"),
        ({"distance": "far"}, "distance", "number"),
        ({"distance": None}, "distance", "missing"),
        ({"carrier": ""}, "carrier", "missing"),
        ({"at": "the day before"}, "at", "date"),
        ({"at": "2999-01-01T00:00:00"}, "at", "less than or equal to"),
        ({"night flight?": "perhaps"}, "night flight?", ""),
        ({"carrier": ["UA"]}, "carrier", "text"),
        ({"speed": 3}, "speed", ""),
    ],
)
def test_422_names_field_and_bound(
    client: TestClient, change: dict[str, Any], field: str, words: str
) -> None:
    response = client.post("/predict", json={**FLIGHT, **change})
    problem = response.json()["detail"][0]
    assert response.status_code == 422
    assert problem["loc"] == ["body", field]
    assert words in problem["msg"]
    if change[field] is None or isinstance(change[field], int | str):
        assert problem["input"] == change[field]


def test_422_names_the_record_of_a_batch(client: TestClient) -> None:
    records = [FLIGHT, {**FLIGHT, "distance": -1}]
    response = client.post("/predict/batch", json={"records": records})
    assert response.status_code == 422
    assert response.json()["detail"][0]["loc"] == ["body", "records", 1, "distance"]
    assert response.json()["detail"][0]["ctx"] == {"ge": 0.0}


def test_too_many_records_and_none(client: TestClient) -> None:
    assert client.post("/predict/batch", json={"records": [FLIGHT] * 51}).status_code == 422
    assert client.post("/predict/batch", json={"records": []}).status_code == 422


def test_numbers_as_text_are_numbers(client: TestClient) -> None:
    as_text = client.post("/predict", json={**FLIGHT, "distance": "900"}).json()
    assert as_text["probabilities"] == client.post("/predict", json=FLIGHT).json()["probabilities"]


BASE = json.dumps(FLIGHT)
HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"[" * 100_000,
    b'{"a":' * 10_000,
    b"\xff\xfe",
    b'{"distance": NaN}',
    BASE.replace("900", "NaN").encode(),
    BASE.replace("900", "Infinity").encode(),
    BASE.replace("900", "-Infinity").encode(),
    BASE.replace("900", "1e999").encode(),
    BASE.replace("900", "9" * 5000).encode(),
    BASE.replace("900", "9" * 400).encode(),
    BASE.replace("900", '"' + "9" * 5000 + '"').encode(),
    BASE.replace('"UA"', '{"$gt": ""}').encode(),
    BASE.replace("2013-06-01T09:00:00", "9999-99-99").encode(),
    BASE.replace('"2013-06-01T09:00:00"', "1e400").encode(),
    BASE.replace("}", ', "' + "k" * 50_000 + '": 1}').encode(),
    BASE.replace("null", "1e999").encode(),
    BASE.replace("}", ', "tail_number": NaN}').encode(),
    BASE.replace("}", ', "late_rate": 1e999}').encode(),
    b'{"records": 1}',
]
UNUSUAL = [
    BASE.replace("UA", "\\ud800").encode(),
    BASE.replace("UA", "\\u0000").encode(),
    BASE.replace("UA", "x" * 50_000).encode(),
    BASE.replace("2013-06-01T09:00:00", "0001-01-01T00:00:00+14:00").encode(),
    BASE.replace("2013-06-01T09:00:00", "9999-12-31T23:59:59-14:00").encode(),
    BASE.replace("900", "0.0000000000000000000000000001").encode(),
    BASE.replace("}", ', "tail_number": ' + "[" * 150 + "]" * 150 + "}").encode(),
    BASE.replace("}", ', "tail_number": ' + "9" * 5000 + "}").encode(),
]


@pytest.mark.parametrize("content", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_bodies_are_refused(client: TestClient, content: bytes) -> None:
    response = post(client, content)
    assert response.status_code == 422, response.text
    assert response.json()["detail"]
    assert len(response.content) < 5_000
    assert not any(word in response.text for word in ("Traceback", ".py", "site-packages"))


@pytest.mark.parametrize("content", UNUSUAL, ids=range(len(UNUSUAL)))
def test_unusual_bodies_are_answered_or_refused(client: TestClient, content: bytes) -> None:
    response = post(client, content)
    assert response.status_code in (200, 422), response.text
    response.json()


def test_only_json_of_a_bounded_size_is_read(client: TestClient) -> None:
    assert post(client, BASE, "text/plain").status_code == 415
    assert post(client, BASE, "application/json; charset=utf-8").status_code == 200
    too_large = post(client, BASE + " " * 200_000)
    assert too_large.status_code == 413
    assert "0.1 MiB" in too_large.json()["detail"]
    chunks = iter([BASE.encode(), *[b" " * 1000] * 200])
    chunked = client.post("/predict", content=chunks, headers={"Content-Type": "application/json"})
    assert chunked.status_code == 413


def test_documented_examples_are_valid(client: TestClient) -> None:
    openapi = client.get("/openapi.json").json()
    for path in ("/predict", "/predict/batch"):
        body = openapi["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        for example in body["examples"].values():
            assert client.post(path, json=example["value"]).status_code == 200
    fields = openapi["components"]["schemas"]["Record"]["properties"]
    assert fields["distance"]["maximum"] == 5000


def test_health_model_metrics_and_pages(client: TestClient) -> None:
    assert client.get("/health").json()["status"] == "healthy"
    assert client.get("/ready").status_code == 200
    assert client.get("/model").json()["model_version"] == "v1"
    assert "application/json" in client.get("/").text
    client.post("/predict", json={**FLIGHT, "distance": -1})
    client.get("/nowhere/at/all")
    text = client.get("/metrics").text
    for line in (
        'predictions_total{class="true"}',
        'rejected_inputs_total{status="422"}',
        'http_request_duration_seconds_bucket{le="0.005",route="/predict"}',
        'http_requests_total{method="GET",route="other",status="404"}',
        'model_info{version="v1"} 1.0',
    ):
        assert line in text
    assert "https:" not in client.get("/docs").text


@pytest.mark.parametrize("damage", ["model.onnx", "encoder.json", "metadata.json"])
def test_a_damaged_bundle_is_said_not_crashed_on(tmp_path: Path, damage: str) -> None:
    save_bundle(tmp_path)
    write_bytes(tmp_path / damage, b"{}")
    with pytest.raises(UserError, match="train"):
        load(tmp_path)
    client = TestClient(application(tmp_path, Limits()))
    assert client.get("/health").json()["status"] == "degraded"
    assert client.post("/predict", json=FLIGHT).status_code == 503


def test_many_at_once_get_their_own_answers(bundle: Path) -> None:
    import httpx2

    async def ask() -> list[Any]:
        transport = httpx2.ASGITransport(app=application(bundle, Limits()))
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            bodies = [{**FLIGHT, "distance": 10 * i, "late_rate": 0} for i in range(40)]
            return await asyncio.gather(*(client.post("/predict", json=body) for body in bodies))

    for i, response in enumerate(asyncio.run(ask())):
        expected = pytest.approx(probability(10 * i, 0), abs=1e-6)
        assert response.json()["probabilities"]["true"] == expected


def test_serving_imports_no_training_library(bundle: Path) -> None:
    code = (
        "import sys; from pathlib import Path;"
        "import layers; layers.install();"
        "from toolkit.serving import server;"
        "from toolkit.serving.app import create_app;"
        "from toolkit.serving.limits import Limits;"
        "from tabular.api import API; from tabular.settings import PROJECT;"
        f"create_app(PROJECT, API, Path({str(bundle)!r}), Limits());"
        "heavy = 'pandas sklearn lightgbm pandera mlflow matplotlib skl2onnx duckdb scipy'.split();"
        "found = [name for name in heavy if name in sys.modules];"
        "sys.exit(f'imported {found}' if found else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_body_is_answered_alike_with_and_without_fastapi(bundle: Path) -> None:
    """Ten thousand of them in the long run: `--hypothesis-profile long`."""
    direct = application(bundle, Limits())
    routed = application(bundle, Limits())
    routed.middleware_stack.endpoints = {}  # type: ignore[union-attr]
    assert direct.middleware_stack.endpoints  # type: ignore[union-attr]
    clients = [TestClient(app, raise_server_exceptions=False) for app in (direct, routed)]

    @given(body=bodies())
    def check(body: bytes) -> None:
        one, other = (post(client, body) for client in clients)
        assert one.status_code == other.status_code
        assert without_time(one) == without_time(other)
        kept = ("content-type", "content-length", "x-content-type-options")
        assert [one.headers[k] for k in kept] == [other.headers[k] for k in kept]

    check()


def without_time(response: Any) -> bytes:
    return re.sub(rb'"prediction_timestamp":"[^"]*"', b"", response.content)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Records right and wrong, other JSON, and what is none."""
    values = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    odd = st.dictionaries(
        st.sampled_from([*FLIGHT, "seats", "late_rate", "tail_number", "x"]), values
    )
    record = draw(st.just(FLIGHT) | odd.map(lambda changed: {**FLIGHT, **changed}) | odd)
    text = json.dumps(draw(st.just(record) | st.lists(values)))
    cut = draw(st.none() | st.integers(0, len(text)))
    return text[:cut].encode("utf-8", "surrogatepass")


def test_a_middleware_of_the_owner_sees_every_request(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tabular import api
    from toolkit.serving.api import Api

    seen = []

    def add_routes(app: Any, *given: Any) -> None:
        api.add_routes(app, *given)

        @app.middleware("http")
        async def count(request: Any, call_next: Any) -> Any:
            seen.append(request.url.path)
            return await call_next(request)

    monkeypatch.setattr("small_model.API", Api(api.load, add_routes, api.PATHS, api.value_range))
    client = TestClient(application(bundle, Limits()))
    assert client.post("/predict", json=FLIGHT).status_code == 200
    assert seen == ["/predict"]
