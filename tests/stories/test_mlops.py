"""I operate the model: promoted when it is better, rolled back at once, nothing asked or answered is lost."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import SLUG, Project, clean_environment
from service import Service, serving

REFUSED = ALARMED = 2
FEW = "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, soft vote]"
# The gate resamples days, and needs five: the test set is the last six of two weeks.
SMALL = (
    *("--set", "data.limit=12000", "--set", "split.test_size=0.4"),
    *("--set", "cv.folds=3", "--set", FEW),
)
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def operated(mlops_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after `run` on a few rows: its model is registered and the champion."""
    folder = tmp_path_factory.mktemp("operated") / SLUG
    shutil.copytree(mlops_project.path, folder, symlinks=True)
    project = Project(folder, mlops_project.environment)
    project.run(SLUG, "run", *SMALL)
    return project


def read(project: Project, name: str) -> Any:
    return json.loads((project.path / name).read_text("utf-8"))


def python(project: Project, script: str, **env: Any) -> Any:
    """Run a script in the project that prints JSON last; return it."""
    head = "import json, sys\nfrom pathlib import Path\nroot = Path()\n"
    done = project.run("python", "-c", head + script, **env)
    return json.loads(done.stdout.splitlines()[-1])


def served(project: Project) -> str:
    return read(project, "models/champion/metadata.json")["model_version"]


def champion(project: Project) -> dict[str, Any]:
    return json.loads(project.run(SLUG, "champion", "--json").stdout)


def decisions(project: Project) -> list[dict[str, Any]]:
    lines = (project.path / "reports/promotions.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


# A bundle that answers otherwise than the one in place: the same files but for what a change names.
VARIANT = """
import shutil
from my_project import gate
from my_project.settings import PROJECT
source, name, change = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
folder = root / "models" / "variant"
shutil.rmtree(folder, ignore_errors=True)
shutil.copytree(source, folder)
metadata = json.loads((folder / "metadata.json").read_text())
metadata |= {"model_version": name, **change}
(folder / "metadata.json").write_text(json.dumps(metadata))
print(json.dumps(gate.Registry(PROJECT, gate.load).register(gate.LOADER, folder).to_json()))
"""


def variant(project: Project, name: str, **change: Any) -> dict[str, Any]:
    """Register the champion's bundle under another version, with other metadata."""
    head = "import json, sys\nfrom pathlib import Path\nroot = Path()\n"
    arguments = ["models/champion", name, json.dumps(change)]
    done = project.run("python", "-c", head + VARIANT, *arguments)
    return json.loads(done.stdout.splitlines()[-1])


def test_the_first_model_is_registered_with_its_origin_and_takes_over(operated: Project) -> None:
    registration = read(operated, "reports/registration.json")
    readme = (operated.path / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) + 6 < 150  # the year, once it is replayed, adds six at most
    assert registration["promoted"]
    assert "no champion yet" in registration["reasons"][0]
    assert served(operated) == read(operated, "models/current/metadata.json")["model_version"]
    found = champion(operated)
    assert found["tags"]["data_sha256"] == read(operated, "reports/data.json")["sha256"]
    assert found["run_id"] == read(operated, "reports/ladder.json")["mlflow_run_id"]
    # MLflow itself loads what is registered, knows its columns, and answers as `predict` does.
    loaded = python(
        operated,
        "import logging, mlflow, pandas as pd\n"
        "mlflow.set_tracking_uri('sqlite:///mlflow.db')\n"
        "model = mlflow.pyfunc.load_model('models:/my-project@champion')\n"
        "rows = pd.read_parquet('data/test.parquet').head(40)\n"
        "rows.to_parquet('some.parquet')\n"
        "numbers = rows.select_dtypes('number').columns\n"
        "answers = model.predict(rows.astype(dict.fromkeys(numbers, 'float64')))\n"
        "names = model.metadata.signature.inputs.input_names()\n"
        "print(json.dumps([names, answers['probability_true'].tolist()]))\n",
    )
    operated.run(SLUG, "predict", "some.parquet", "--output", "answers.csv")
    names, probabilities = loaded
    assert "carrier" in names
    assert "late" not in names
    offline = (operated.path / "answers.csv").read_text().splitlines()
    column = offline[0].split(",").index("probability_true")
    for line, probability in zip(offline[1:], probabilities, strict=True):
        assert float(line.split(",")[column]) == pytest.approx(probability, abs=1e-6)


def test_a_second_run_registers_nothing(operated: Project) -> None:
    done = operated.run(SLUG, "run", *SMALL)
    assert done.stderr.count("didn't change, skipping") == 5
    assert len(decisions(operated)) == 1
    again = operated.run(SLUG, "register", *SMALL)
    assert "promoted by gate" in again.stdout
    assert len(decisions(operated)) == 1


class Load:
    """Callers on kept connections until told to stop; what each was answered."""

    def __init__(self, service: Service, record: dict[str, Any], callers: int = 8) -> None:
        self.host = service.address.removeprefix("http://")
        self.body = json.dumps(record).encode()
        self.answered: list[tuple[str, str]] = []  # request id and the version that answered
        self.failed: list[str] = []
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self._call, args=(n,)) for n in range(callers)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join(30)

    def is_busy(self) -> bool:
        """Whether hundreds of requests were answered."""
        return len(self.answered) > 400

    def _call(self, number: int) -> None:
        connection = http.client.HTTPConnection(self.host, timeout=30)
        count = 0
        while not self.ended.is_set():
            count += 1
            name = f"caller-{number}-{count}"
            try:
                connection.request("POST", "/predict", self.body, {**HEADERS, "X-Request-ID": name})
                answer = connection.getresponse()
                content = answer.read()
            except OSError as error:
                self.failed.append(f"{name}: {error!r}")
                return
            except http.client.HTTPException as error:
                self.failed.append(f"{name}: {error!r}")
                return
            if answer.status != 200 or answer.headers["X-Request-ID"] != name:
                self.failed.append(f"{name}: {answer.status} {content[:200]!r}")
                continue
            self.answered.append((name, json.loads(content)["model_version"]))


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    for _ in range(int(seconds * 20)):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("It did not happen.")


@pytest.mark.parametrize("workers", [pytest.param("1", marks=pytest.mark.long), "2"])
def test_models_change_under_load_without_a_failed_request(operated: Project, workers: str) -> None:
    """Promoted and rolled back again and again while 8 callers ask as fast as they can."""
    first = served(operated)
    names = [f"under-load-{workers}-{number}" for number in range(2)]
    for name in names:
        variant(operated, name)
    with (
        serving(operated, "--workers", workers) as service,
        Load(service, service.example()) as load,
    ):

        def answering(version: str) -> Callable[[], bool]:
            def all_of_them() -> bool:
                seen = {version for _, version in load.answered[-40:]}
                return bool(load.failed) or seen == {version}

            return all_of_them

        order = [first]
        for step in ("promote", "promote", "rollback", "rollback"):
            command = [SLUG, step]
            if step == "promote":
                command += [names[len(order) - 1], "--force", "--reason", "a rehearsal"]
            operated.run(*command)
            order.append(served(operated))
            until(answering(order[-1]))
    assert load.failed == []
    assert order == [first, names[0], names[1], names[0], first]
    assert len(load.answered) > 500
    assert {version for _, version in load.answered} == set(order)


def test_a_damaged_bundle_is_not_taken_up_and_health_says_so(operated: Project) -> None:
    home = operated.path / "models/champion"
    with serving(operated) as service:
        before = service.post("/predict", service.example())[1]["model_version"]
        assert {answer["model_version"] for answer in service.typed(operated)} == {before}
        keep = operated.path / "kept"
        shutil.copytree(home, keep)
        (home / "model.onnx").write_bytes(b"damaged")
        (home / "metadata.json").write_text((home / "metadata.json").read_text() + "\n")
        until(lambda: service.get("/health")[1]["status"] == "degraded")
        health = service.get("/health")[1]
        assert health["model_loaded"]
        assert "could not be loaded" in health["detail"]
        assert str(operated.path) not in json.dumps(health)
        assert service.post("/predict", service.example())[1]["model_version"] == before
        assert "the new model cannot be used" in (operated.path / "service.log").read_text()
        shutil.rmtree(home)
        keep.rename(home)
        until(lambda: service.get("/health")[1]["status"] == "healthy")


def journal_of(project: Project, **env: str) -> dict[str, Any]:
    """All ids of the journal, in order, and what was counted on the way."""
    return python(
        project,
        "from my_project.settings import PROJECT\n"
        "from my_project.toolkit.journal import journal\n"
        "rows = journal.read(PROJECT)\n"
        "print(json.dumps({'ids': rows['id'].tolist(), **rows.attrs}))\n",
        **env,
    )


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.long)])
def test_killed_under_load_nothing_acknowledged_is_lost(operated: Project, workers: str) -> None:
    """`kill -9`, twice; then every answer that a caller got is in the journal exactly once."""
    place = operated.path / f"killed-{workers}"
    answered: list[str] = []
    for attempt in range(2):
        with serving(operated, "--workers", workers, JOURNAL_DIR=str(place)) as service:
            with Load(service, service.example()) as load:
                until(load.is_busy)
                kill(service.process)
            answered += [f"{name}" for name, _ in load.answered] if not attempt else []
            if attempt:
                second = [name for name, _ in load.answered]
    found = journal_of(operated, JOURNAL_DIR=str(place))
    # The same names came twice with the same answer but for its time: told apart, none lost.
    ids = found["ids"]
    assert len(ids) == len(set(ids))
    assert set(answered) <= set(ids)
    assert {name if name not in set(answered) else f"{name}~2" for name in second} <= set(ids)
    # Compacted, by two at once and once more, it is the same journal.
    compactions = [
        subprocess.Popen(
            [str(operated.bin / SLUG), "compact"],
            cwd=operated.path,
            env=clean_environment(PYTHONPATH=str(operated.path / "src"), JOURNAL_DIR=str(place)),
        )
        for _ in range(2)
    ]
    assert [process.wait(60) for process in compactions] == [0, 0]
    operated.run(SLUG, "compact", JOURNAL_DIR=str(place))
    assert not list(place.glob("segments/*.wal"))
    assert sorted(journal_of(operated, JOURNAL_DIR=str(place))["ids"]) == sorted(ids)


def kill(process: subprocess.Popen) -> None:
    """SIGKILL to a service and its workers, all at once."""
    group = [process.pid]
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rsplit(") ", 1)[1].split()
            if int(fields[1]) == process.pid:
                group.append(int(status.parent.name))
    for pid in group:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait(30)


# What a replay asks for, kept for ever.
ASKING = """
import os, time
from pathlib import Path
from my_project.toolkit.replay.live_service import service
with service(Path(), os.environ) as live:
    print(live._port, flush=True)
    time.sleep(600)
"""


def test_a_replay_that_is_killed_leaves_no_service(operated: Project) -> None:
    process = subprocess.Popen(
        [operated.bin / "python", "-c", ASKING],
        cwd=operated.path,
        env=clean_environment(PYTHONPATH=str(operated.path / "src")),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = ("127.0.0.1", int(process.stdout.readline()))
    socket.create_connection(address).close()
    process.kill()
    process.wait(30)
    for _ in range(300):
        time.sleep(0.1)
        try:
            socket.create_connection(address).close()
        except ConnectionRefusedError:
            return
    raise AssertionError("The service is still there.")


def test_an_equal_model_is_refused_with_the_figures(operated: Project) -> None:
    before = served(operated)
    opened = read(operated, "reports/test_openings.json")
    variant(operated, "no-better")
    done = operated.run(SLUG, "promote", "no-better", check=False)
    assert done.returncode == REFUSED, done.stderr
    assert "does not beat the champion's" in done.stdout
    assert served(operated) == before
    last = decisions(operated)[-1]
    assert last["action"] == "refused"
    assert {check["name"] for check in last["checks"]} >= {"rows", "gain", "slices", "latency"}
    # It was judged on the test set, and the look is counted.
    assert read(operated, "reports/test_openings.json") != opened
    nowhere = operated.run(SLUG, "promote", "none-such", check=False)
    assert nowhere.returncode == 1
    assert "There is no version 'none-such'" in nowhere.stderr


def test_labels_come_late_and_a_model_is_trained_on_them(operated: Project) -> None:
    """Traffic of the weeks after training, labelled afterwards; the gate judges on the newest of it."""
    rows = python(
        operated,
        "import pandas as pd\n"
        "rows = pd.read_parquet('data/test.parquet').sort_values('scheduled_at')\n"
        "rows['scheduled_at'] += pd.to_timedelta(pd.RangeIndex(len(rows)) // 150, 'D')\n"
        "late = rows.pop('late')\n"
        "records = json.loads(rows.to_json(orient='records', date_format='iso'))\n"
        "print(json.dumps([records, late.astype(bool).tolist()]))\n",
    )
    records, late = rows
    place: dict[str, Any] = {"JOURNAL_DIR": str(operated.path / "labelled")}
    with serving(operated, **place) as service:
        connection = http.client.HTTPConnection(service.address.removeprefix("http://"))
        body = json.dumps({"records": records})
        connection.request("POST", "/predict/batch", body, {**HEADERS, "X-Request-ID": "autumn"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    early = operated.run(SLUG, "retrain", check=False, **place)
    assert early.returncode == 1
    assert "0 labelled predictions are newer" in early.stderr
    lines = [f"autumn/{row},{str(truth).lower()}" for row, truth in enumerate(late, 1)]
    lines += [lines[0], "winter/1,true", f"autumn/2,{str(not late[1]).lower()}", "autumn/3,"]
    (operated.path / "labels.csv").write_text("\n".join(["id,label", *lines]) + "\n")
    report = json.loads(operated.run(SLUG, "labels", "labels.csv", "--json", **place).stdout)
    counts = {name: value["count"] for name, value in report.items() if name != "rows"}
    assert counts == {
        "matched": len(late), "unknown": 1, "duplicate": 1, "conflicting": 1, "late": 0,
        "invalid": 1,
    }  # fmt: skip
    watched = operated.run(
        SLUG, "monitor", "--no-page", "--json", "--since", "2013-01-01", check=False, **place
    )
    assert watched.returncode in (0, ALARMED), watched.stderr
    seen = json.loads(watched.stdout)
    assert seen["window"]["source"] == "journal"
    assert seen["rows"] == seen["labelled"] == len(late)
    before = served(operated)
    bounds = ("--set", "gate.least_rows=100", "--json")
    done = operated.run(SLUG, "retrain", *bounds, check=False, **place)
    assert done.returncode in (0, REFUSED), done.stderr
    decision = json.loads(done.stdout)
    challenger = read(operated, "models/challenger/metadata.json")
    old = read(operated, "models/current/metadata.json")
    assert challenger["trained"]["to"] > old["trained"]["to"]
    assert challenger["trained"]["rows"] > old["trained"]["rows"]
    judged = next(check for check in decision["checks"] if check["name"] == "rows")
    assert 100 <= judged["value"] <= len(late) / 3
    gain = next(check for check in decision["checks"] if check["name"] == "gain")
    assert "days" in gain["detail"]
    assert gain["value"] is not None
    # The monitor has what the new model is compared with, whatever became of it.
    assert (operated.path / f"models/references/{challenger['model_version']}.parquet").exists()
    assert (served(operated) != before) == decision["promoted"] == (done.returncode == 0)
