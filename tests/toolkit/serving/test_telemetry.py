"""Traces: nothing where nobody collects them; with a collector, each part of a request."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from small_model import FLIGHT, application, save_bundle
from toolkit.project import telemetry
from toolkit.project.errors import UserError
from toolkit.serving.limits import Limits, is_open


@pytest.fixture
def spans() -> Iterator[list]:
    """What is traced, as it ends."""
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    trace = pytest.importorskip("opentelemetry.sdk.trace")
    found = memory.InMemorySpanExporter()
    provider = trace.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(found))
    telemetry.use(provider)
    yield found.get_finished_spans
    telemetry.use(None)


def test_what_nobody_collects_is_left_as_it_is(tmp_path: Path) -> None:
    telemetry.start(None, "late")
    app = application(save_bundle(tmp_path), Limits())
    assert telemetry.traced("x", save_bundle) is save_bundle
    assert telemetry.requests_traced(app, is_open) is app


def test_a_request_is_traced_through_its_parts(spans, tmp_path: Path) -> None:
    app = application(save_bundle(tmp_path), Limits())
    client = TestClient(telemetry.requests_traced(app, is_open))
    caller = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert client.post("/predict", json=FLIGHT, headers={"traceparent": caller}).is_success
    *parts, whole = spans()
    assert [part.name for part in parts] == ["validate", "encode", "model", "predict"]
    assert whole.name == "POST /predict"
    assert whole.attributes["http.response.status_code"] == 200
    assert f"{whole.context.trace_id:032x}" == caller.split("-")[1]
    assert f"{whole.parent.span_id:016x}" == caller.split("-")[2]
    parents = {part.name: part.parent.span_id for part in parts}
    predict = next(part for part in parts if part.name == "predict")
    assert parents["validate"] == parents["predict"] == whole.context.span_id
    assert parents["encode"] == parents["model"] == predict.context.span_id


def test_probes_are_not_traced_and_made_up_paths_are_no_names(spans, tmp_path: Path) -> None:
    app = application(save_bundle(tmp_path), Limits())
    client = TestClient(telemetry.requests_traced(app, is_open))
    client.get("/health")
    client.get("/made-up")
    client.post("/predict/batch", json={"records": [FLIGHT]})  # in a thread
    names = [span.name for span in spans()]
    assert "GET /health" not in names
    assert names[0] == "GET"
    assert names[1:] == ["validate", "encode", "model", "predict", "POST /predict/batch"]


def test_a_collector_without_the_packages_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_SERVICE_NAME"):
        monkeypatch.setenv(name, "kept as it was")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(UserError, match="--extra telemetry"):
        telemetry.start("http://localhost:4318", "late")
