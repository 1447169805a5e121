"""I replay a year in minutes: served, labelled late, watched, retrained; and I can check every figure."""

import itertools
import json
import re
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from projects import SLUG, Project, clean_environment, git

pytestmark = pytest.mark.long  # months are lived through twice

FEW = "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, tuned LightGBM, soft vote]"
# Every 14th flight of the year, as a file of one's own.
THIN = """
from pathlib import Path
from my_project.settings import PROJECT
from my_project.toolkit.reading import tables
table = tables.load(PROJECT.params().data, Path(), None)
table.frame.iloc[::14].to_csv("year.csv", index=False)
"""
SMALL = (
    *("--set", "data.source=file", "--set", "data.path=year.csv"),
    *("--set", "cv.folds=3", "--set", FEW),
)
# The scores, computed again from what the service wrote down and what really happened.
AGAIN = """
import itertools
import json
from pathlib import Path
import pandas as pd
from sklearn.metrics import roc_auc_score
from dataclasses import replace
from my_project.settings import PROJECT
from my_project.toolkit.journal import journal
rows = journal.read(replace(PROJECT, root=Path("replay")))
moments = pd.to_datetime(rows["in:scheduled_at"])
rows = rows.assign(month=moments.dt.strftime("%Y-%m"), scheduled_at=moments)
year = pd.read_csv("year.csv", parse_dates=["scheduled_at"])
truth = year.dropna(subset="late").sort_values("scheduled_at", kind="stable")
found = {}
for month, part in rows.groupby("month"):
    lately = truth[truth["scheduled_at"].dt.strftime("%Y-%m") == month]
    # The id says which row of the month was asked: -start/row of a batch, -start-row of one alone.
    number = part["id"].str.extract(r"-(\\d+)(?:/|-row)(\\d+)$").astype(int).sum(axis=1) - 1
    found[month] = {
        "rows": len(part),
        "versions": sorted(part["model_version"].unique()),
        "score": roc_auc_score(lately["late"].iloc[number].astype(bool), part["probability:true"]),
    }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def replayed(mlops_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose owner replays a thin year before anything else."""
    folder = tmp_path_factory.mktemp("replayed") / SLUG
    shutil.copytree(mlops_project.path, folder, symlinks=True)
    project = Project(folder, mlops_project.environment)
    project.run("python", "-c", THIN)
    project.run(SLUG, "replay", *SMALL)
    return project


def result(project: Project) -> dict[str, Any]:
    return json.loads((project.path / "reports/replay.json").read_text("utf-8"))


def test_months_come_in_order_and_their_labels_a_month_late(replayed: Project) -> None:
    months = result(replayed)["months"]
    assert [month["month"] for month in months] == [f"2013-{number:02}" for number in range(4, 13)]
    answered = [month["rows"] - month["refused"] for month in months]
    assert [month["labels"] for month in months] == [0, *answered[:-1]]
    assert months[0]["decision"] == "waited for labels"  # told to retrain, and nothing to train on
    # Once labels have come, the monitor looks at errors, too, though not of the month itself.
    watched = json.loads((replayed.path / "replay/reports/monitor.json").read_text("utf-8"))
    [errors] = [check for check in watched["checks"] if check["monitor"] == "errors"]
    assert "2013-11" in errors["says"]


def test_whoever_is_promoted_answers_from_the_next_month_on(replayed: Project) -> None:
    months = result(replayed)["months"]
    assert "promoted" in {month["decision"] for month in months}
    for month, following in itertools.pairwise(months):
        promoted = month["decision"] == "promoted"
        assert following["version"] == month["challenger" if promoted else "version"]
    lines = (replayed.path / "replay/reports/promotions.jsonl").read_text("utf-8").splitlines()
    decided = [json.loads(line) for line in lines][1:]  # the first model met no champion
    assert decided.pop(0)["action"] == "postponed"  # in April no label had come
    decided = [each for each in decided if each["action"] != "postponed"]
    told = [month for month in months if month["decision"] in ("promoted", "refused")]
    assert [(d["action"], d["version"], d["reasons"]) for d in decided] == [
        (month["decision"], month["challenger"], month["reasons"]) for month in told
    ]


def test_every_score_can_be_computed_again_from_the_journal(replayed: Project) -> None:
    again = json.loads(replayed.run("python", "-c", AGAIN).stdout.splitlines()[-1])
    for month in result(replayed)["months"]:
        found = again[month["month"]]
        assert found["versions"] == [month["model_version"]]
        assert found["rows"] == month["rows"] - month["refused"]
        assert found["score"] == pytest.approx(month["score"], abs=1e-9)


def test_the_readme_says_what_was_found_and_shows_it(replayed: Project) -> None:
    found = result(replayed)
    text = (replayed.path / "README.md").read_text("utf-8")
    block = text.partition("<!-- replay:start -->")[2].partition("<!-- replay:end -->")[0]
    gain = found["gain"]
    assert gain["interval"][0] <= gain["gain"] <= gain["interval"][1]
    assert f"{gain['score']:.3f}" in block
    assert f"{gain['first_model_score']:.3f}" in block
    for month in found["months"]:
        assert re.search(
            rf"\| {month['month']} \|.*\| v{month['version']} \| {month['score']:.3f} ",
            found["table"],
        )
    [picture] = re.findall(r"\]\((reports/.*?\.png)\)", block)
    assert (replayed.path / picture).read_bytes().startswith(b"\x89PNG")


def test_heavier_rain_than_the_first_months_saw_is_answered_with_a_warning(
    replayed: Project,
) -> None:
    months = result(replayed)["months"]
    assert [month["refused"] for month in months] == [0] * len(months)
    assert "The service refused" not in (replayed.path / "README.md").read_text("utf-8")
    lines = (replayed.path / "replay/service.log").read_text("utf-8")
    assert '"status": 422' not in lines


def test_the_projects_own_models_and_journal_are_left_alone(replayed: Project) -> None:
    for name in ("models", "mlflow.db", "mlruns", "data/journal", "data/labels"):
        assert not (replayed.path / name).exists(), name
    git(replayed.path, "init", "--quiet")
    assert "!! replay/" in git(replayed.path, "status", "--porcelain", "--ignored", "replay")


def test_a_replay_that_is_stopped_stops_its_service_and_loses_nothing(
    replayed: Project, tmp_path: Path
) -> None:
    folder = shutil.copytree(replayed.path, tmp_path / SLUG, symlinks=True)
    before = (folder / "reports/replay.json").read_bytes()
    started = folder / "replay/service.log"
    started.unlink()
    process = subprocess.Popen(
        [replayed.bin / SLUG, "replay", *SMALL],
        cwd=folder,
        env=clean_environment(PYTHONPATH=str(folder / "src")),
        stderr=subprocess.PIPE,
    )
    end = time.monotonic() + 120
    address = None
    while address is None and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
        said = started.read_text("utf-8") if started.exists() else ""
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
    process.send_signal(signal.SIGTERM)
    _, said_last = process.communicate(timeout=60)
    assert process.returncode == 143
    assert b"Traceback" not in said_last
    assert address is not None
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{address[0]}/health", timeout=5)
    assert (folder / "reports/replay.json").read_bytes() == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--set", "data.time=null"), "`data.time` is not set"),
        (("--set", "replay.first_months=12"), "Lower `replay.first_months`"),
    ],
)
def test_data_that_cannot_be_replayed_is_refused_with_the_remedy(
    replayed: Project, change: tuple[str, str], said: str
) -> None:
    done = replayed.run(SLUG, "replay", *SMALL, *change, check=False)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
