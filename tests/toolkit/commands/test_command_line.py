"""The command line: light to start, plain about mistakes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolkit import cli
from toolkit.project import settings as config

HERE = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "toolkit"]


def call(*arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(HERE / "src"), "PYTHONUTF8": "1"}
    return subprocess.run(
        [*COMMAND, *arguments], cwd=cwd, env=environment, capture_output=True, text=True
    )


@pytest.fixture
def empty(tmp_path):
    shutil.copy(HERE / "params.yaml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "command", ["run", "data", "train", "evaluate", "report", "predict", "serve", "check"]
)
def test_every_command_has_help(command, empty):
    answer = call(command, "--help", cwd=empty)
    assert answer.returncode == 0
    assert "--help" in answer.stdout


def test_help_loads_nothing_heavy():
    script = (
        "import sys, runpy\n"
        "sys.argv = ['x', '--help']\n"
        "try:\n    runpy.run_module('toolkit', run_name='__main__')\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'mlflow', 'dvc', 'fastapi', 'pydantic', 'yaml'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(HERE / "src")}
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True
    )
    assert answer.stdout.strip().endswith("[]")


def test_a_full_disk_is_a_sentence(monkeypatch, capsys):
    def full(_root, _overrides=()):
        raise OSError(28, "No space left on device", "data/train.parquet")

    monkeypatch.setattr(config, "load", full)
    monkeypatch.setattr(sys, "argv", ["project", "data"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 1
    assert "No space left on device (data/train.parquet)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "Run `data` first"),
        (["evaluate"], "first"),
        (["report"], "first"),
        (["data", "--set", "data.limt=3"], "Did you mean `limit`"),
        (["nonsense"], "No such command"),
        (["predict", "nowhere.csv"], "--output"),
    ],
)
def test_a_mistake_is_a_sentence_and_status_1(arguments, message, empty):
    answer = call(*arguments, cwd=empty)
    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr
