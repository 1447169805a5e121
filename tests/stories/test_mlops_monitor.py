"""I look at what my model was asked: silence where nothing changed, an alarm that arrives where it did."""

import contextlib
import json
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from projects import SLUG, Project
from service import free_port, serving

ALERTED = 2
DRIFTED = """
import pandas as pd
rows = pd.read_parquet("data/test.parquet")
rows["temperature_f"] += 40
rows["dest"] = rows["dest"].mask(rows.index % 4 == 0, "XXX")
rows["humidity"] = rows["humidity"].mask(rows.index % 3 == 0)
rows.to_parquet("drifted.parquet")
rows.head(50).to_parquet("few.parquet")
rows.drop(columns="carrier").to_parquet("without_carrier.parquet")
rows = pd.read_parquet("data/test.parquet")
rows["late"] = rows["late"].sample(frac=1, random_state=0).to_numpy()
rows.to_parquet("other_labels.parquet")
"""
YEARS = """
import numpy as np
import pandas as pd
rng = np.random.default_rng(0)
year, size = np.sort(rng.integers(1990, 2020, 3000)), rng.normal(size=3000)
price = 3 * size + 0.1 * (year - 1990) + rng.normal(size=3000)
pd.DataFrame({"year": year, "size": size, "price": price}).to_csv("prices.csv", index=False)
"""


@pytest.fixture(scope="module")
def watched(mlops_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A trained project whose rows are split at random, so that the test rows are like the others."""
    folder = tmp_path_factory.mktemp("watched") / SLUG
    shutil.copytree(mlops_project.path, folder, symlinks=True)
    project = Project(folder, mlops_project.environment)
    skip = "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, LightGBM, soft vote]"
    settings = ("--set", "data.time=null", "--set", "data.limit=20000", "--set", "cv.folds=3")
    project.run(SLUG, "data", *settings)
    project.run(SLUG, "train", *settings, "--set", skip)
    project.run("python", "-c", DRIFTED)
    return project


def test_rows_like_the_others_raise_nothing(watched: Project) -> None:
    done = watched.run(SLUG, "monitor", "--file", "data/test.parquet", "--no-page", "--json")
    result = json.loads(done.stdout)
    assert result["alerts"] == []
    assert result["rows"] == result["labelled"] >= 3900
    looked_at = {check["monitor"] for check in result["checks"]}
    assert looked_at == {"predictions", "features", "errors", "quality"}


def test_a_time_may_be_a_year(mlops_project: Project, tmp_path: Path) -> None:
    folder = shutil.copytree(mlops_project.path, tmp_path / SLUG, symlinks=True)
    project = Project(folder, mlops_project.environment)
    project.run("python", "-c", YEARS)
    file = ("--set", "data.source=file", "--set", "data.path=prices.csv")
    names = ("--set", "data.target=price", "--set", "data.time=year", "--set", "cv.folds=3")
    skip = "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, LightGBM, soft vote]"
    project.run(SLUG, "data", *file, *names)
    project.run(SLUG, "train", *file, *names, "--set", skip)
    done = project.run(SLUG, "monitor", "--file", "prices.csv", "--no-page", "--json")
    [errors] = [
        check for check in json.loads(done.stdout)["checks"] if check["monitor"] == "errors"
    ]
    assert "labelled rows of 1990 to 2019" in errors["says"]


def test_drift_is_an_exit_status_a_file_and_a_gauge_and_evidently_agrees(watched: Project) -> None:
    done = watched.run(SLUG, "monitor", "--file", "drifted.parquet", check=False)
    assert done.returncode == ALERTED, done.stderr
    result = json.loads((watched.path / "reports/monitor.json").read_text("utf-8"))
    fired = {check["name"] for check in result["checks"] if check["alert"]}
    assert {"temperature_f", "dest", "humidity: missing", "dest: unseen categories"} <= fired
    assert "carrier" not in fired
    assert result["retrain"]
    for name in ("temperature_f", "dest"):
        assert name in done.stdout
    gauges = (watched.path / "reports/monitor.prom").read_text("utf-8")
    assert 'monitor_alerts{monitor="latency"} 0' in gauges
    counted = [line for line in gauges.splitlines() if 'monitor_alerts{monitor="features"}' in line]
    assert float(counted[0].split()[-1]) >= 2
    # Evidently's JSON holds the distances that the alert was raised on, and its page the columns.
    drift = json.loads((watched.path / "reports/drift.json").read_text("utf-8"))
    values = {m["config"].get("column"): m["value"] for m in drift["metrics"]}
    for check in result["checks"]:
        if check["monitor"] in ("features", "predictions"):
            assert values[check["name"]] == pytest.approx(check["value"], abs=1e-9), check["name"]
    drifted = sum(
        c["alert"] for c in result["checks"] if c["monitor"] in ("features", "predictions")
    )
    counts = [m["value"]["count"] for m in drift["metrics"] if "drift_share" in m["config"]]
    assert counts == [drifted]
    page = (watched.path / "reports/drift.html").read_text("utf-8")
    assert "temperature_f" in page


def test_false_alarms_stay_rare_and_known_drifts_are_noticed(watched: Project) -> None:
    """Fewer draws than the 200 of `monitor --calibrate 200`, which takes minutes."""
    done = watched.run(SLUG, "monitor", "--calibrate", "40", "--json")
    measured = json.loads(done.stdout)
    assert json.loads((watched.path / "reports/monitor-calibration.json").read_text()) == measured
    assert measured["false_alarms"]["rows"]["alarmed"] <= 2
    power = {found["drift"]: found["share"] for found in measured["power"]}
    # Labels are left out: the 2,000 of a part are too few to tell 40 % of chance from bad luck.
    inputs = {name: share for name, share in power.items() if "labels" not in name}
    strong = [share for name, share in inputs.items() if "by 1 standard" in name or "40%" in name]
    assert len(strong) >= 4
    assert all(share == 1 for share in strong), power


def test_labels_that_contradict_the_answers_are_an_alert(watched: Project) -> None:
    looked = (SLUG, "monitor", "--no-page", "--json", "--file", "other_labels.parquet")
    done = watched.run(*looked, check=False)
    assert done.returncode == ALERTED, done.stderr
    result = json.loads(done.stdout)
    assert [check["name"] for check in result["checks"] if check["alert"]] == ["roc_auc"]
    [check] = [check for check in result["checks"] if check["monitor"] == "errors"]
    low, high = check["detail"]["interval"]
    assert low < 0.5 < high


class _Hook(BaseHTTPRequestHandler):
    """Keeps what is posted; answers late where it is told to."""

    taken: list[dict]
    wait = 0.0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).taken.append(json.loads(body))
        time.sleep(type(self).wait)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook() -> Iterator[tuple[type[_Hook], str]]:
    handler = type("Hook", (_Hook,), {"taken": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}/secret-path"
    server.shutdown()
    server.server_close()


def test_alerts_reach_a_webhook_and_silence_does_not(
    watched: Project, hook: tuple[type[_Hook], str]
) -> None:
    handler, url = hook
    looked = (SLUG, "monitor", "--no-page", "--file")
    watched.run(*looked, "data/test.parquet", ALERT_WEBHOOK_URL=url)
    assert handler.taken == []
    watched.run(*looked, "drifted.parquet", check=False, ALERT_WEBHOOK_URL=url)
    [message] = handler.taken
    assert message["project"] == SLUG
    assert "temperature_f" in message["text"]
    assert {"monitor", "name", "value", "threshold", "says"} == set(message["alerts"][0])


def test_a_webhook_that_is_gone_does_not_lose_the_alert(watched: Project) -> None:
    (watched.path / "reports/monitor.json").unlink(missing_ok=True)
    url = f"http://127.0.0.1:{free_port()}/secret-path"
    looked = (SLUG, "monitor", "--no-page", "--file", "drifted.parquet")
    done = watched.run(*looked, check=False, ALERT_WEBHOOK_URL=url)
    assert done.returncode == ALERTED
    assert "did not take the alerts" in done.stderr
    assert "secret-path" not in done.stderr + done.stdout
    result = json.loads((watched.path / "reports/monitor.json").read_text("utf-8"))
    assert result["alerts"]
    assert "did not take" in result["webhook"]


def _hang(_: socket.socket) -> None:
    time.sleep(60)


def _drip(caller: socket.socket) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"." * 60:
        caller.sendall(bytes([byte]))
        time.sleep(1)


def _fail(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 500 Sorry\r\nContent-Length: 0\r\n\r\n")


def _babble(caller: socket.socket) -> None:
    caller.sendall(b"SSH-2.0-server\r\n")


def _move(caller: socket.socket) -> None:
    caller.sendall(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("answering", "said"),
    [
        (_hang, "no answer within 10 seconds"),
        (_drip, "no answer within 10 seconds"),
        (_fail, "status 500"),
        (_babble, "no HTTP at this address"),
        (_move, "status 302"),
    ],
)
def test_a_webhook_that_misbehaves_holds_no_monitor(
    watched: Project, answering: Callable[[socket.socket], None], said: str
) -> None:
    (watched.path / "reports/monitor.json").unlink(missing_ok=True)
    looked = (SLUG, "monitor", "--no-page", "--file", "drifted.parquet")
    without = time.monotonic()
    watched.run(*looked, check=False)
    started = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            caller = server.accept()[0]
            with contextlib.suppress(OSError), caller:
                caller.recv(1 << 20)
                answering(caller)
                caller.shutdown(socket.SHUT_WR)
                while caller.recv(1 << 16):
                    pass

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/secret-path"
        done = watched.run(*looked, check=False, ALERT_WEBHOOK_URL=url)
    assert time.monotonic() - started < 10 * (started - without) + 10 + 5
    assert done.returncode == ALERTED, done.stderr
    assert f"did not take the alerts ({said}" in done.stderr
    assert "secret-path" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    result = json.loads((watched.path / "reports/monitor.json").read_text("utf-8"))
    assert result["alerts"]
    assert said in result["webhook"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--file", "nowhere.csv"), "nowhere.csv"),
        (("--file", "few.parquet"), "monitor.least_rows"),
        (("--file", "data/test.parquet", "--since", "2013-01-05"), "data.time"),
        (("--file", "data/test.parquet", "--since", "soon"), "soon"),
        (("--file", "data/test.parquet", "--set", "monitor.efect=1"), "monitor.efect"),
    ],
)
def test_a_mistake_is_explained(watched: Project, arguments: tuple[str, ...], said: str) -> None:
    done = watched.run(SLUG, "monitor", "--no-page", *arguments, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_column_that_is_gone_is_an_alert(watched: Project) -> None:
    looked = (SLUG, "monitor", "--no-page", "--json", "--file", "without_carrier.parquet")
    done = watched.run(*looked, check=False)
    assert done.returncode == ALERTED, done.stderr
    assert any("carrier is gone" in says for says in json.loads(done.stdout)["alerts"])


def test_nothing_imports_evidently_before_it_is_needed(watched: Project) -> None:
    code = (
        "import sys, my_project.cli, my_project.toolkit.serving.app, my_project.monitor; "
        "assert not [name for name in sys.modules if name.split('.')[0] == 'evidently']"
    )
    watched.run("python", "-c", code)


def test_the_service_shows_what_the_monitor_found(watched: Project) -> None:
    watched.run(SLUG, "monitor", "--no-page", "--file", "drifted.parquet", check=False)
    with serving(watched) as service:
        status, text = service.get("/metrics")
    assert status == 200
    assert 'monitor_check_value{check="temperature_f",monitor="features"}' in text
    assert Path(watched.path / "reports/monitor.prom").read_text("utf-8") in text
