"""The frame of the command line: light to start, plain about mistakes."""

import subprocess
import sys
from dataclasses import replace

import click
import pytest
from layers import LAYERS, params_yaml
from tabular.settings import PROJECT
from toolkit.commands import command_line
from toolkit.commands.command_line import CommandLine
from toolkit.project.errors import UserError
from toolkit.project.files import write_json

COMMAND = (
    "import layers, sys; layers.install(); from tabular.cli import cli; cli.main(sys.argv[1:])"
)


def call(*arguments, cwd):
    """What the tabular role's command line says, in a process of its own."""
    command = [sys.executable, "-c", COMMAND, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "params.yaml").write_text(params_yaml("tabular"), "utf-8")
    return tmp_path


@pytest.fixture
def toy(empty):
    """A command line with one stage, whose work is given by the test."""

    def make(work):
        cli = CommandLine(replace(PROJECT, root=empty), "A toy.")

        @cli.stage(lambda result: f"{result['rows']} rows")
        def count():
            """Count."""
            return work

        return cli

    return make


@pytest.mark.parametrize("role", LAYERS)
def test_help_loads_nothing_heavy(role):
    script = (
        "import sys, layers\n"
        "layers.install()\n"
        f"from {role}.cli import cli\n"
        "try:\n    cli.main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'mlflow', 'dvc', 'fastapi', 'torch', 'onnxruntime'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said.stdout.strip().endswith("[]"), said.stderr
    for command in (
        "run",
        "data",
        "train",
        "evaluate",
        "report",
        "predict",
        "serve",
        "bench",
        "check",
    ):
        assert f"\n  {command} " in said.stdout


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left", "data/train.parquet"), "No space left (data/train.parquet)"),
        (MemoryError(), "Memory ran out"),
        (UserError("Do this."), "Error: Do this."),
        (click.UsageError("Not so."), "Not so."),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_status_1(toy, capsys, error, words):
    def work(project, params):
        raise error

    with pytest.raises(SystemExit) as left:
        toy(work).main(["count"])
    assert left.value.code == 1
    assert words in capsys.readouterr().err


def test_a_programming_error_keeps_its_traceback(toy):
    def work(project, params):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        toy(work).main(["count"])


def test_a_stage_gets_the_overrides_and_records_what_it_did(toy, capsys, monkeypatch):
    recorded = []
    monkeypatch.setattr(
        "toolkit.commands.pipeline.record", lambda root, stage: recorded.append(stage)
    )

    def work(project, params):
        return {"rows": params.data.limit}

    with pytest.raises(SystemExit) as left:
        toy(work).main(["count", "--set", "data.limit=5"])
    assert left.value.code == 0
    assert capsys.readouterr().out == "5 rows\n"
    assert recorded == ["count"]
    with pytest.raises(SystemExit):
        toy(work).main(
            ["count", "--json", "--recorded"]
        )  # as DVC calls it: the run's overrides hold
    assert capsys.readouterr().out == '{"rows": 5}\n'
    assert recorded == ["count"]


def test_a_stage_that_leaves_out_what_is_read_says_so(empty, capsys):
    cli = CommandLine(replace(PROJECT, root=empty), "A toy.")

    @cli.stage(lambda result: "done")
    def data():
        """Load, and forget to count."""
        report = {"source": "mine", "sha256": "", "rows_read": 3, "target": {}, "split": {}}
        return lambda project, params: write_json(empty / "reports" / "data.json", report)

    with pytest.raises(SystemExit) as left:
        cli.main(["data"])
    assert left.value.code == 1
    assert "`data` wrote reports/data.json without `rows_used`" in capsys.readouterr().err


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
def test_a_mistake_is_a_sentence(arguments, message, empty):
    answer = call(*arguments, cwd=empty)
    assert answer.returncode == 1
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_chosen_candidate_is_marked():
    rungs = [{"name": name, "mean": 0.5, "std": 0.1} for name in ("majority", "linear")]
    lines = command_line.ladder_lines({"metric": "auc", "rungs": rungs, "chosen": "linear"})
    assert [line[0] for line in lines.splitlines()] == [" ", "→"]
