"""I start the stack: every panel asks for a metric the service has, the rules fire when they should."""

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import SLUG, Project, clean_environment
from service import Service, free_port, serving

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="Prometheus is not installed (Debian: apt-get install prometheus).",
)
SECONDS_TO_SCRAPE = 30
# What a histogram is called is not what its samples are called.
SAMPLES = re.compile(r"\b((?:http|rejected|predictions|model|monitor)_[a-z_]+)")


@pytest.fixture(scope="module")
def folder(mlops_project: Project) -> Path:
    return mlops_project.path


@pytest.fixture(scope="module")
def service(mlops_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with a model that has answered well and refused, and that the monitor looked at."""
    place = tmp_path_factory.mktemp("composed") / SLUG
    shutil.copytree(mlops_project.path, place, symlinks=True)
    project = Project(place, mlops_project.environment)
    skip = "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, LightGBM, soft vote]"
    settings = ("--set", "data.time=null", "--set", "data.limit=5000", "--set", "cv.folds=3")
    project.run(SLUG, "data", *settings)
    project.run(SLUG, "train", *settings, "--set", skip)
    project.run(SLUG, "monitor", "--no-page", "--file", "data/test.parquet", check=False)
    with serving(project) as running:
        for _ in range(3):
            assert running.post("/predict", running.example())[0] == 200
        assert running.post("/predict", {"nothing": "right"})[0] == 422
        yield running


def exposed(service: Service) -> set[str]:
    """Names of all samples on the page."""
    _, text = service.get("/metrics")
    return {re.split(r"[{ ]", line)[0] for line in text.splitlines() if line and line[0] != "#"}


def queries(folder: Path) -> dict[str, list[str]]:
    """PromQL by the panel or rule that asks it."""
    dashboard = json.loads((folder / "monitoring/grafana/service.json").read_text("utf-8"))
    rules = yaml.safe_load((folder / "monitoring/rules.yml").read_text("utf-8"))
    found = {p["title"]: [t["expr"] for t in p["targets"]] for p in dashboard["panels"]}
    for group in rules["groups"]:
        found |= {rule["alert"]: [rule["expr"]] for rule in group["rules"]}
    return found


def test_every_panel_and_rule_asks_for_metrics_that_the_service_has(
    folder: Path, service: Service
) -> None:
    names = exposed(service)
    asked = queries(folder)
    assert len(asked) >= 15
    for who, expressions in asked.items():
        for expression in expressions:
            for name in SAMPLES.findall(expression):
                assert name in names, f"{who}: {name}"


def test_grafana_is_provisioned_with_the_datasource_its_panels_name(folder: Path) -> None:
    grafana = folder / "monitoring/grafana"
    dashboard = json.loads((grafana / "service.json").read_text("utf-8"))
    [source] = yaml.safe_load((grafana / "datasource.yml").read_text("utf-8"))["datasources"]
    [provider] = yaml.safe_load((grafana / "dashboards.yml").read_text("utf-8"))["providers"]
    compose = yaml.safe_load((folder / "compose.yaml").read_text("utf-8"))["services"]
    assert {panel["datasource"]["uid"] for panel in dashboard["panels"]} == {source["uid"]}
    host, port = urllib.parse.urlsplit(source["url"]).netloc.split(":")
    assert host in compose
    assert port == "9090"
    mounts = [mount.split(":")[:2] for mount in compose["grafana"]["volumes"]]
    assert all((folder / inside).exists() for inside, _ in mounts)
    assert any(target.startswith(provider["options"]["path"] + "/") for _, target in mounts)
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in dashboard["panels"]]
    assert len(set(places)) == len(places)


def test_what_compose_mounts_and_scrapes_is_there(folder: Path) -> None:
    compose = yaml.safe_load((folder / "compose.yaml").read_text("utf-8"))
    services = compose["services"]
    assert {"api", "mlflow", "postgres", "prometheus", "grafana"} <= set(services)
    for name, each in services.items():
        ports = each.get("ports", [])
        assert all(port.startswith("127.0.0.1:") for port in ports), name
        for mount in each.get("volumes", []):
            inside = mount.split(":")[0]
            if inside.startswith("./monitoring"):
                assert (folder / inside).exists(), mount
            elif not inside.startswith("."):
                assert inside in compose["volumes"], mount
    scrape = yaml.safe_load((folder / "monitoring/prometheus.yml").read_text("utf-8"))
    [job] = scrape["scrape_configs"]
    [target] = job["static_configs"][0]["targets"]
    assert target.split(":")[0] in services


@needs_prometheus
def test_the_rules_fire_when_they_should(folder: Path) -> None:
    monitoring = folder / "monitoring"
    for command in (
        ("check", "config", "prometheus.yml"),
        ("test", "rules", "rules.test.yml"),
    ):
        done = subprocess.run(
            ["promtool", *command], cwd=monitoring, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
    tested = yaml.safe_load((monitoring / "rules.test.yml").read_text("utf-8"))["tests"]
    fired = {
        case["alertname"]
        for test in tested
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    rules = yaml.safe_load((monitoring / "rules.yml").read_text("utf-8"))["groups"]
    assert fired == {rule["alert"] for group in rules for rule in group["rules"]}


@needs_prometheus
def test_a_model_of_numbers_fills_the_panels_of_predictions(folder: Path, tmp_path: Path) -> None:
    """Its service counts values, in `prediction_value`, and no classes."""
    counted = {"_bucket{le='1.0',": 3, "_bucket{le='+Inf',": 6, "_count{": 6}
    series = [
        {"series": f"prediction_value{name}job='service'}}", "values": f"0+{step}x120"}
        for name, step in counted.items()
    ]
    series += [
        {"series": f"predictions_{name}_total{{job='service'}}", "values": "0+3x120"}
        for name in ("needing_review", "with_warnings")
    ]
    shares = [{"labels": '{le="1.0"}', "value": 0.5}, {"labels": '{le="+Inf"}', "value": 1}]
    expected = {"Share of each prediction": shares, "Share that": [{"labels": "{}", "value": 0.5}]}
    tests = [
        {"expr": expression, "eval_time": "2h", "exp_samples": samples}
        for who, expressions in queries(folder).items()
        for title, samples in expected.items()
        if who.startswith(title)
        for expression in expressions
    ]
    assert len(tests) == 3
    case = {"interval": "1m", "input_series": series, "promql_expr_test": tests}
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"tests": [case]}))
    done = subprocess.run(
        ["promtool", "test", "rules", "panels.yml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_prometheus
def test_prometheus_scrapes_the_service_and_answers_every_panel(
    folder: Path, service: Service, tmp_path: Path
) -> None:
    """The project's configuration with the address of this service, and a second between scrapes."""
    settings = yaml.safe_load((folder / "monitoring/prometheus.yml").read_text("utf-8"))
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    address = urllib.parse.urlsplit(service.address).netloc
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [address]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    shutil.copy(folder / "monitoring/rules.yml", tmp_path)
    port = free_port()
    command = [
        "prometheus",
        "--config.file=prometheus.yml",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=tmp_path, env=clean_environment(), stdout=log, stderr=log
        )
    try:
        found = _ask(port, 'monitor_rows{job="service"}')
        # Of 5,000 flights a fifth is the test set, less those that never arrived.
        assert 900 < float(found[0]["value"][1]) <= 1000
        # Once there are two scrapes, a rate is a number.
        _ask(port, 'rate(http_requests_total{job="service"}[5m])')
        dashboard = json.loads((folder / "monitoring/grafana/service.json").read_text("utf-8"))
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                _ask(port, target["expr"], service)
    finally:
        process.terminate()
        process.wait(30)


def _ask(port: int, query: str, asked: Service | None = None) -> list[dict[str, Any]]:
    """What Prometheus answers, once it has numbers to give; meanwhile a service may be asked."""
    address = f"http://127.0.0.1:{port}/api/v1/query?query={urllib.parse.quote(query)}"
    problem = ""
    for _ in range(SECONDS_TO_SCRAPE * 2):
        if asked is not None:
            assert asked.post("/predict", asked.example())[0] == 200
            assert asked.post("/predict", {"nothing": "right"})[0] == 422
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
                if found and not any(value["value"][1] == "NaN" for value in found):
                    return found
        except OSError as error:
            problem = str(error)
        time.sleep(0.5)
    raise AssertionError(f"{query} has no answer. {problem}")
