"""What `bench` measures, and what is made of it; the command itself is run by a story."""

import json
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import finished_run
import pytest
from running import running
from small_model import FLIGHT, application, save_bundle
from tabular.report import IN_WORDS, OWN
from tabular.settings import PROJECT
from toolkit.benchmark import command, load
from toolkit.commands.command_line import bench_line
from toolkit.project.errors import UserError
from toolkit.reporting.documents import Writer
from toolkit.reporting.run import Run
from toolkit.serving.limits import Limits

ADDRESS = ("127.0.0.1", 1)


def found(statuses: dict[int, int], client_cores: float = 0.3) -> load.Load:
    milliseconds = [float(n) for n in range(1, statuses.get(200, 0) + 1)]
    return load.Load(milliseconds, Counter(statuses), 2.0, client_cores)


def test_a_load_counts_what_a_service_answered(tmp_path: Path) -> None:
    bodies = [json.dumps(record).encode() for record in (FLIGHT, {**FLIGHT, "distance": -1})]
    requests = [load.request_of("/predict", "application/json", body) for body in bodies]
    app = application(save_bundle(tmp_path), Limits())
    with running(app) as address:
        measured = load.ask(address, requests, connections=3, seconds=0.3)
    assert set(measured.statuses) == {200, 422}
    assert abs(measured.statuses[200] - measured.statuses[422]) <= 3
    assert len(measured.milliseconds) == measured.statuses[200]
    assert 0.29 < measured.seconds < 5  # a loop counts in milliseconds
    assert all(0 < each < 5000 for each in measured.milliseconds)
    assert 0 < measured.client_cores < 2


def test_a_service_that_goes_away_is_no_measurement(tmp_path: Path) -> None:
    app = application(save_bundle(tmp_path), Limits())
    request = load.request_of("/predict", "application/json", b"{}", [("Connection", "close")])
    with running(app) as address, pytest.raises(UserError, match="closed a connection"):
        load.ask(address, [request], connections=1, seconds=5)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the command on a made-up measurement."""

    def run(measured: load.Load, version: str = "v1") -> dict[str, Any]:
        monkeypatch.setattr(command, "_serving", lambda *_: nullcontext(ADDRESS))
        monkeypatch.setattr(command, "_get", lambda *_: {"model_version": version})
        monkeypatch.setattr(command.load, "ask", lambda *_: measured)
        asked = [("application/json", b"{}")]
        project = replace(PROJECT, root=tmp_path)
        return command.run(project, lambda _: asked, ["data.limit=5"], 8, 2, {})

    return run


def test_the_result_holds_what_a_reviewer_needs_to_repeat_it(bench: Any, tmp_path: Path) -> None:
    result = bench(found({200: 100, 503: 3}))
    assert result == json.loads((tmp_path / "reports/bench.json").read_text("utf-8"))
    assert result["milliseconds"] == {"p50": 51, "p90": 91, "p99": 100}
    assert result["requests_per_second"] == 50
    assert result["statuses"] == {"200": 100, "503": 3}
    assert (result["connections"], result["processes"]) == (8, 1)
    assert result["settings"] == ["data.limit=5"]
    assert {"processor", "cores", "load_average", "system", "python"} == set(result["machine"])
    assert {"fastapi", "uvicorn"} <= set(result["packages"])
    assert (tmp_path / "reports/bench.png").read_bytes().startswith(b"\x89PNG")
    assert bench_line(result) == (
        "50 requests/s over 8 connections: p50 51.00 ms, p99 100.00 ms; 3 were refused. Asking took "
        "30% of a core. More: reports/bench.json"
    )


def test_a_load_that_limits_itself_says_so(bench: Any) -> None:
    assert "may be what limits this" in bench_line(bench(found({200: 100}, client_cores=0.95)))


def test_too_few_answers_make_no_line_of_the_readme(bench: Any, tmp_path: Path) -> None:
    root = finished_run.write(tmp_path, finished_run.binary())
    version = json.loads((root / "models/current/metadata.json").read_text("utf-8"))[
        "model_version"
    ]
    assert "use more --seconds" in bench_line(bench(found({200: 99}), version))
    assert Run.load(replace(PROJECT, root=root), IN_WORDS).bench == {}


@pytest.mark.parametrize("statuses", [{}, {200: 1, 503: 9}, {422: 5}])
def test_a_service_that_refuses_most_is_no_measurement(
    bench: Any, tmp_path: Path, statuses: dict[int, int]
) -> None:
    with pytest.raises(UserError, match="answered"):
        bench(found(statuses))
    assert not (tmp_path / "reports/bench.json").exists()


def test_the_readme_has_the_line_for_the_model_that_was_measured(
    bench: Any, tmp_path: Path
) -> None:
    root = finished_run.write(tmp_path, finished_run.binary())
    version = json.loads((root / "models/current/metadata.json").read_text("utf-8"))[
        "model_version"
    ]

    def said() -> list[str]:
        run = Run.load(replace(PROJECT, root=root), IN_WORDS)
        return Writer(run, OWN, root / "reports" / "figures").said("speed")

    assert said() == []
    bench(found({200: 100}), version)
    (sentence,) = said()
    assert "answers 50 single requests a second over 8 connections" in sentence
    assert "half within 51 ms, 99% within 100 ms" in sentence
    bench(found({200: 100}), "another")
    assert said() == []
