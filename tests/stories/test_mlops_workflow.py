"""A year from now the repository watches itself: silence, an issue or a pull request, each with its evidence."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import workflow
from bucket import Bucket, bucket
from projects import SLUG, Project, commit, git
from service import serving
from tracking import mlflow_server
from workflow import Outcome

ALARMED = 2
HEAD = "import json, sys\nfrom pathlib import Path\nroot = Path()\n"
# Rows like those of the training, or later ones that differ from them.
SAME, DRIFTED = (
    "rows = pd.concat([pd.read_parquet(f'data/{side}.parquet') for side in ('train', 'test')])\n"
    "rows = rows.sample(2300, random_state=0)\n",
    "rows = pd.read_parquet('data/test.parquet').sort_values('scheduled_at')\n"
    "rows['carrier'] = rows['carrier'].mask(rows.index % 3 == 0, 'XX')\n"
    "rows['humidity'] = None\n"
    # 40 a day: what is judged on must be of enough days to resample.
    "rows['scheduled_at'] += pd.to_timedelta(pd.RangeIndex(len(rows)) // 40, 'D')\n",
)
AS_JSON = "print(rows.drop(columns='late').to_json(orient='records', date_format='iso'))\n"
# What came true: what the model said, so that none can be better, or what it could not know.
AS_SAID, ANOTHER_RULE = (
    "label = rows['probability:true'] > rows['probability:true'].median()\n",
    "label = rows['in:carrier'] == 'XX'\n",
)
LABELS = """
from my_project.settings import PROJECT
from my_project.toolkit.journal import journal
rows = journal.read(PROJECT)
{rule}
rows.assign(label=label)[["id", "label"]].to_csv("labels.csv", index=False)
print(len(rows))
"""


@dataclass
class Stage:
    """A repository whose model is served, and the servers it needs.

    Attributes
    ----------
    project : Project
        The machine that serves.
    origin : Path
        The bare repository that clones come from.
    secrets : dict of str to str
        Of the repository; the journal's address is that of the case.
    base : Path
        For whatever a case needs.
    """

    project: Project
    origin: Path
    secrets: dict[str, str]
    base: Path

    def clone(self, name: str) -> Path:
        git(self.base, "clone", "--quiet", str(self.origin), name)
        return self.base / name


@pytest.fixture(scope="module")
def stage(ran_mlops: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The model registered on an MLflow server, the data pushed to a bucket, all in git."""
    base = tmp_path_factory.mktemp("workflow")
    shutil.copytree(ran_mlops.path, base / SLUG, symlinks=True)
    project = Project(base / SLUG, ran_mlops.environment)
    (base / "mlflow").mkdir()
    with bucket(base / "s3", project) as made, mlflow_server(base / "mlflow") as address:
        secrets = {"MLFLOW_TRACKING_URI": address, **made.credentials}
        # All is asked in one batch, whose time each of its rows has.
        params = (project.path / "params.yaml").read_text("utf-8")
        slow = params.replace("latency_ms: 100 ", "latency_ms: 60000 ")
        assert slow != params
        (project.path / "params.yaml").write_text(slow, "utf-8")
        push(project, made)
        shutil.rmtree(project.path / "models/champion")  # another registry's
        project.run(SLUG, "register", MLFLOW_TRACKING_URI=address)
        commit(project.path, "Registered")
        git(base, "clone", "--quiet", "--bare", str(project.path), "origin.git")
        yield Stage(project, base / "origin.git", secrets, base)


def push(project: Project, made: Bucket) -> None:
    for option, value in {"url": f"s3://{made.name}/{SLUG}", "endpointurl": made.endpoint}.items():
        project.run("dvc", "remote", "modify", "storage", option, value)
    project.run("dvc", "push", **made.credentials)


@pytest.fixture
def asked(stage: Stage, postgresql: Any, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Return a function that asks the champion about rows and labels them; it gives the database."""
    name = request.node.name[:60]
    postgresql.psql(f'CREATE DATABASE "{name}";')
    address = postgresql.get_uri(database=name)

    def ask(project: Project, rows: str, rule: str) -> str:
        place = {"JOURNAL_DIR": str(stage.base / name), "JOURNAL_DATABASE_URL": address}
        script = HEAD + "import pandas as pd\n" + rows + AS_JSON
        records = json.loads(project.run("python", "-c", script).stdout)
        with serving(project, **place) as service:
            status, answer = service.post("/predict/batch", {"records": records})
        assert status == 200, answer
        project.run(SLUG, "compact", check=True, **place)
        project.run("python", "-c", HEAD + LABELS.format(rule=rule), check=True, **place)
        project.run(SLUG, "labels", "labels.csv", check=True, **place)
        return address

    return ask


def run(stage: Stage, name: str, database: str, open_issue: str | None = None) -> Outcome:
    secrets = {**stage.secrets, "JOURNAL_DATABASE_URL": database}
    place = stage.base / f"run-{name}"
    return workflow.run(stage.origin, "monitor.yml", "schedule", secrets, place, open_issue)


def branches(stage: Stage) -> list[str]:
    listed = git(stage.origin, "for-each-ref", "--format=%(refname:short)", "refs/heads")
    return [name for name in listed.split() if name != "main"]


def test_without_secrets_it_says_what_is_missing(stage: Stage) -> None:
    some = {"MLFLOW_TRACKING_URI": stage.secrets["MLFLOW_TRACKING_URI"]}
    found = workflow.run(
        stage.origin, "monitor.yml", "workflow_dispatch", some, stage.base / "run-unset"
    )
    assert found.jobs == {"ready": "success"}, found.log
    assert "JOURNAL_DATABASE_URL AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY" in found.log
    assert found.calls == []


@pytest.mark.long
def test_where_nothing_changed_nobody_hears_of_it(stage: Stage, asked: Callable[..., str]) -> None:
    database = asked(stage.project, SAME, AS_SAID)
    found = run(stage, "silent", database)
    assert found.jobs == {"ready": "success", "watch": "success"}, found.log
    assert "does not advise retraining" in found.log
    assert found.calls == []
    assert found.pull_request() is None
    assert branches(stage) == []


def test_an_alarm_without_a_better_model_is_an_issue(
    stage: Stage, asked: Callable[..., str]
) -> None:
    """The first time one is opened; as long as it is, it gets a comment."""
    database = asked(stage.project, DRIFTED, AS_SAID)
    found = run(stage, "refused", database)
    assert found.jobs == {"ready": "success", "watch": "success", "report": "success"}, found.log
    label, listed, created = found.calls
    assert label["arguments"][:3] == ["label", "create", "monitor"]
    assert listed["arguments"][:4] == ["issue", "list", "--label", "monitor"]
    assert created["arguments"][:4] == ["issue", "create", "--label", "monitor"]
    version = json.loads((stage.project.path / "models/champion/metadata.json").read_text())
    title = created["arguments"][created["arguments"].index("--title") + 1]
    assert f"of model {version['model_version']} are beyond the threshold" in title
    for words in ("carrier", "humidity", "was retrained and refused", "does not beat"):
        assert words in created["body"]
    assert created["token"]
    assert created["repository"]
    again = run(stage, "refused-again", database, open_issue="7")
    assert again.jobs["report"] == "success", again.log
    edited, commented = again.calls[2:]
    assert edited["arguments"][:3] == ["issue", "edit", "7"]
    assert commented["arguments"][:3] == ["issue", "comment", "7"]
    assert "was retrained and refused" in commented["body"]
    assert branches(stage) == []


def test_a_promoted_model_is_a_pull_request_and_is_watched_from_then_on(
    stage: Stage, asked: Callable[..., str]
) -> None:
    before = json.loads((stage.project.path / "models/champion/metadata.json").read_text())
    database = asked(stage.project, DRIFTED, ANOTHER_RULE)
    found = run(stage, "promoted", database)
    assert found.jobs == {"ready": "success", "watch": "success", "propose": "success"}, found.log
    assert found.calls == []
    # The registry's champion is another one, and the branch says so.
    here = Project(stage.clone("another-machine"), stage.project.environment)
    tracking = {"MLFLOW_TRACKING_URI": stage.secrets["MLFLOW_TRACKING_URI"]}
    here.run(SLUG, "champion", check=True, **tracking)
    now = json.loads((here.path / "models/champion/metadata.json").read_text())
    assert now["model_version"] != before["model_version"]
    [branch] = branches(stage)
    assert branch == f"model-{now['model_version']}"
    changed = git(stage.origin, "diff", "--name-only", "main", branch).split()
    assert changed == ["reports/monitor.json", "reports/promotions.jsonl"]
    decisions = git(stage.origin, "show", f"{branch}:reports/promotions.jsonl").splitlines()
    added = git(stage.origin, "diff", "main", branch, "--", "reports/promotions.jsonl")
    assert [line for line in added.splitlines() if line.startswith(("+{", "-{"))] == [
        f"+{decisions[-1]}"
    ]
    decision = json.loads(decisions[-1])
    assert (decision["action"], decision["model_version"]) == ("promoted", now["model_version"])
    seen = json.loads(git(stage.origin, "show", f"{branch}:reports/monitor.json"))
    assert seen["retrain"]
    told = found.pull_request()
    assert told is not None
    title, body = told
    assert title == f"Model {now['model_version']} answers instead of {before['model_version']}"
    for words in ("humidity", "beats the champion", "latency", "rollback", "approves them"):
        assert words in body
    # A week later, on a machine that has neither seen it learn nor its rows.
    git(here.path, "remote", "remove", "origin")
    here.run("dvc", "pull", check=True, **credentials(stage))
    later = asked(here, DRIFTED, ANOTHER_RULE) if database else ""
    watched = here.run(
        SLUG, "monitor", "--no-page", "--json", check=False, JOURNAL_DATABASE_URL=later
    )
    assert watched.returncode in (0, ALARMED), watched.stderr
    assert json.loads(watched.stdout)["model_version"] == now["model_version"]


def credentials(stage: Stage) -> dict[str, Any]:
    return {name: value for name, value in stage.secrets.items() if name.startswith("AWS_")}
