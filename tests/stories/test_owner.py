"""I change what a reviewer asks about, each in a module of mine: nothing of the toolkit is touched."""

import json
import re
from collections.abc import Callable

import pytest
from projects import PACKAGE, SLUG, Project

# What is edited, by module; every choice of the training is one of the owner's modules.
EDITS = {
    "data.py": {
        # the split: half of the rows, drawn at random although there is a time
        "    if settings.time is not None:\n": "    size = 0.5\n    if settings.time is None:\n",
        # the folds: four, whatever the settings say
        "count = params.cv.folds": "count = 4",
    },
    "features.py": {
        '    return {"missing_fields"': '    return {"twice": 2 * columns["size"], "missing_fields"'
    },
    "models.py": {
        "        *make_boosters(classes, seed),\n": "        *make_boosters(classes, seed),\n"
        '        Candidate("coin", "Mine.", lambda encoder: DummyClassifier(strategy="uniform")),\n'
    },
    "train.py": {
        '"binary": "roc_auc"': '"binary": "average_precision"',
        "    best = comparison.best\n": "    return comparison.results[3]\n    best = comparison.best\n",
        "        **decided,\n": '        **decided,\n        "threshold": 0.42,\n',
    },
    "evaluate.py": {"    return {}\n": '    return {"mine": float(decisions.mean())}\n'},
    "api.py": {
        '"threshold": threshold,\n': '"threshold": threshold, "mine": "certainly",\n',
        "        threshold=(float": "        mine=(str, ...),\n        threshold=(float",
    },
}
TABLE = """
import numpy as np, pandas as pd
rng = np.random.default_rng(0)
size = rng.normal(size=400)
late = np.where(size + rng.normal(size=400) > 0, "late", "on time")
when = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(400), "h")
table = {"when": when, "size": size, "noise": rng.normal(size=400), "late": late}
pd.DataFrame(table).to_csv("mine.csv", index=False)
"""
ASK = """
import json
from fastapi.testclient import TestClient
from my_project.api import API
from my_project.settings import PROJECT
from my_project.toolkit.serving.app import create_app
from my_project.toolkit.serving.limits import Limits
from my_project.toolkit.training.bundle import BUNDLE
client = TestClient(create_app(PROJECT, API, PROJECT.root / BUNDLE, Limits()))
record = {"when": "2024-01-05", "size": 1.5, "noise": 0}
print(json.dumps(client.post("/predict", json=record).json()))
"""
OWN = ("data.source=file", "data.path=mine.csv", "data.target=late", "data.time=when")


@pytest.fixture
def mine(fresh: Callable[..., Project]) -> Project:
    """A project about a small table of its own."""
    project = fresh()
    project.run("python", "-c", TABLE)
    return project


def stage(project: Project, name: str) -> dict:
    settings = [part for pair in OWN for part in ("--set", pair)]
    return json.loads(project.run(SLUG, name, "--recorded", "--json", *settings).stdout)


def test_every_choice_is_made_in_a_module_of_mine(mine: Project) -> None:
    for module, edits in EDITS.items():
        path = mine.path / "src" / PACKAGE / module
        text = path.read_text("utf-8")
        for old, new in edits.items():
            assert text.count(old) == 1, (module, old)
            text = text.replace(old, new)
        path.write_text(text, "utf-8")
    (mine.path / "reports").mkdir(exist_ok=True)
    (mine.path / "reports/inputs.yaml").write_text("overrides: []\n")

    data = stage(mine, "data")
    assert data["split"]["kind"] == "stratified"
    assert data["split"]["test"]["rows"] == data["rows_used"] / 2
    ladder = stage(mine, "train")
    assert ladder["folds"] == 4
    assert "coin" in [rung["name"] for rung in ladder["rungs"]]
    assert ladder["metric"] == "average_precision"
    assert ladder["chosen"] == ladder["rungs"][3]["name"]
    metadata = json.loads((mine.path / "models/current/metadata.json").read_text("utf-8"))
    assert metadata["threshold"] == 0.42
    assert "twice" in (mine.path / "models/current/encoder.json").read_text("utf-8")
    assert 0 < stage(mine, "evaluate")["chosen"]["mine"] < 1
    answer = json.loads(mine.run("python", "-c", ASK).stdout.splitlines()[0])  # then the log
    assert (answer["mine"], answer["threshold"]) == ("certainly", 0.42)


FAIL = """
import sys
from sklearn.dummy import DummyClassifier
from my_project.cli import cli

def fit(self, *arguments):
    raise RuntimeError("told to")

DummyClassifier.fit = fit
cli.main(sys.argv[1:])
"""


def test_from_the_command_to_a_model_it_is_four_frames(mine: Project) -> None:
    """Whoever is asked how the model is fitted can show it."""
    (mine.path / "reports").mkdir(exist_ok=True)
    (mine.path / "reports/inputs.yaml").write_text("overrides: []\n")
    stage(mine, "data")
    settings = [part for pair in OWN for part in ("--set", pair)]
    done = mine.run("python", "-c", FAIL, "train", *settings, check=False)
    assert "RuntimeError: told to" in done.stderr
    frames = re.findall(rf'File "[^"]*src/{PACKAGE}/([^"]*)", line \d+, in (\w+)', done.stderr)
    assert frames[-1] == ("toolkit/training/comparison.py", "cross_validate")
    assert len(frames) <= 4, frames
