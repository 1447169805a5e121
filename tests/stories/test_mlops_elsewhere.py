"""I watch and learn on one machine what another one serves: journal and labels meet in PostgreSQL."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from projects import SLUG, Project, clean_environment
from service import free_port, serving

REFUSED = ALARMED = 2
HEAD = "import json\nfrom pathlib import Path\nroot = Path()\n"
ROWS = """
import pandas as pd
rows = pd.read_parquet("data/test.parquet").sort_values("scheduled_at")
# As of a month: what is judged on must be of five days.
rows["scheduled_at"] += pd.to_timedelta(pd.RangeIndex(len(rows)) // 80, "D")
late = rows.pop("late")
records = json.loads(rows.to_json(orient="records", date_format="iso"))
print(json.dumps([records, late.astype(bool).tolist()]))
"""
LABELLED = """
from my_project.settings import PROJECT
from my_project.toolkit.journal import labels
print(json.dumps(list(labels.latest(PROJECT)["id"])))
"""
JOINED = """
from my_project.settings import PROJECT
from my_project.toolkit.journal import labels
rows = labels.joined(PROJECT)
print(json.dumps(sorted(zip(rows["id"], rows["label"], rows["labelled_at"].astype(str)))))
"""
DELIVERED = """
from my_project.settings import PROJECT
from my_project.toolkit.journal import labels
print(len(labels._deliveries(PROJECT)))
"""


def python(project: Project, script: str, **env: Any) -> Any:
    """Run a script in the project that prints JSON last; return it."""
    return json.loads(project.run("python", "-c", HEAD + script, **env).stdout.splitlines()[-1])


@pytest.fixture
def machine(ran_mlops: Project, tmp_path: Path) -> Callable[[str], Project]:
    """Return a function that sets up a machine: the project, with no journal of its own."""

    def make(name: str) -> Project:
        folder = tmp_path / name / SLUG
        shutil.copytree(ran_mlops.path, folder, symlinks=True)
        shutil.rmtree(folder / "data/journal", ignore_errors=True)
        return Project(folder, ran_mlops.environment)

    return make


@pytest.fixture
def database(postgresql: Any, request: pytest.FixtureRequest) -> dict[str, Any]:
    """An empty database, as the variable that names it."""
    name = request.node.name[:60]
    postgresql.psql(f'CREATE DATABASE "{name}";')
    return {"JOURNAL_DATABASE_URL": postgresql.get_uri(database=name)}


def serve_the_test_days(project: Project, **env: Any) -> list[bool]:
    """Ask the service about the test rows at once, as the request `autumn`; return the truth."""
    records, late = python(project, ROWS)
    with serving(project, **env) as service:
        status, answer = service.post("/predict/batch", {"records": records})
    assert status == 200, answer
    project.run(SLUG, "compact", **env)
    return late


def ids_of(project: Project, **env: Any) -> list[str]:
    script = (
        "from my_project.settings import PROJECT\n"
        "from my_project.toolkit.journal import journal\n"
        "print(json.dumps(list(journal.read(PROJECT)['id'])))\n"
    )
    return python(project, script, **env)


def write_labels(project: Project, name: str, labels: dict[str, bool]) -> None:
    lines = [f"{row},{str(label).lower()}" for row, label in labels.items()]
    (project.path / name).write_text("\n".join(["id,label", *lines]) + "\n")


def counts(done: subprocess.CompletedProcess) -> dict[str, int]:
    report = json.loads(done.stdout)
    return {name: value["count"] for name, value in report.items() if name != "rows"}


def test_another_machine_watches_and_learns(
    machine: Callable[[str], Project], database: dict[str, Any]
) -> None:
    here, there = machine("here"), machine("there")
    late = serve_the_test_days(here, **database)
    ids = ids_of(there, **database)
    assert len(ids) == len(late) > 2000
    truth = dict(zip(ids, late, strict=True))
    # The first half came before there was a database for labels; it follows with the second.
    half = len(ids) // 2
    write_labels(here, "first.csv", dict(list(truth.items())[:half]))
    write_labels(here, "second.csv", dict(list(truth.items())[half:]))
    here.run(SLUG, "labels", "first.csv")
    assert python(there, JOINED, **database) == []
    assert counts(here.run(SLUG, "labels", "second.csv", "--json", **database)) == {
        "matched": len(ids) - half, "unknown": 0, "duplicate": 0, "conflicting": 0, "late": 0,
        "invalid": 0,
    }  # fmt: skip
    known = python(there, JOINED, **database)
    assert {row: label == "true" for row, label, _ in known} == truth
    # Where both places are read, nothing is there twice, and the moments are the same.
    assert len(list((here.path / "data/labels").iterdir())) == 2
    assert python(here, JOINED, **database) == known
    assert python(here, DELIVERED, **database) == len(ids)
    looked = ("--no-page", "--json", "--since", "2013-01-01")
    watched = there.run(SLUG, "monitor", *looked, check=False, **database)
    assert watched.returncode in (0, ALARMED), watched.stderr
    seen = json.loads(watched.stdout)
    assert seen["rows"] == seen["labelled"] == len(ids)
    bounds = ("--set", "gate.least_rows=100", "--json")
    learnt = there.run(SLUG, "retrain", *bounds, check=False, **database)
    assert learnt.returncode in (0, REFUSED), learnt.stderr
    rows = json.loads((there.path / "models/challenger/metadata.json").read_text())["trained"]
    old = json.loads((there.path / "models/current/metadata.json").read_text())["trained"]
    assert rows["rows"] > old["rows"] + half


def test_each_machine_sees_what_the_others_were_told(
    machine: Callable[[str], Project], postgresql: Any, database: dict[str, Any]
) -> None:
    here, there = machine("here"), machine("there")
    serve_the_test_days(here, **database)
    first, second, *_ = ids_of(here, **database)
    write_labels(here, "labels.csv", {first: True, second: True})
    here.run(SLUG, "labels", "labels.csv", **database)
    # The same again is said to be known already, and does not count twice.
    again = counts(there.run(SLUG, "labels", str(here.path / "labels.csv"), "--json", **database))
    assert again["duplicate"] == again["matched"] == 2
    write_labels(there, "better.csv", {first: False})
    better = counts(there.run(SLUG, "labels", "better.csv", "--json", **database))
    assert better["conflicting"] == 1
    for project in (here, there):
        found = {row: label for row, label, _ in python(project, JOINED, **database)}
        assert found == {first: "false", second: "true"}
    # The folder is lost with its machine, the labels are not.
    shutil.rmtree(there.path / "data/labels")
    assert len(python(there, JOINED, **database)) == 2
    # Without the database there is what was told here.
    assert sorted(python(here, LABELLED)) == sorted([first, second])


def test_two_machines_told_at_once_lose_nothing(
    machine: Callable[[str], Project], database: dict[str, Any]
) -> None:
    projects = [machine(f"number-{number}") for number in range(2)]
    processes = []
    for number, project in enumerate(projects):
        write_labels(project, "labels.csv", {f"of-{number}/{row}": True for row in range(3000)})
        processes.append(
            subprocess.Popen(
                [str(project.bin / SLUG), "labels", "labels.csv"],
                cwd=project.path,
                env=clean_environment(PYTHONPATH=str(project.path / "src"), **database),
            )
        )
    assert [process.wait(120) for process in processes] == [0, 0]
    assert len(python(projects[0], LABELLED, **database)) == 6000


def test_who_may_only_read_can_watch(
    machine: Callable[[str], Project], postgresql: Any, database: dict[str, Any]
) -> None:
    """A scheduled job needs no right to write, and no table needs to be there."""
    there = machine("there")
    postgresql.psql("CREATE ROLE looker LOGIN;")
    address = database["JOURNAL_DATABASE_URL"].replace("//postgres:", "//looker:")
    looker: dict[str, Any] = {"JOURNAL_DATABASE_URL": address}
    assert ids_of(there, **looker) == []
    assert python(there, JOINED, **looker) == []
    here = machine("here")
    serve_the_test_days(here, **database)
    write_labels(here, "labels.csv", {ids_of(here, **database)[0]: True})
    here.run(SLUG, "labels", "labels.csv", **database)
    refused = there.run(SLUG, "labels", str(here.path / "labels.csv"), check=False, **looker)
    assert refused.returncode == 1
    assert "permission denied" in refused.stderr
    there.run("python", "-c", GRANT, database["JOURNAL_DATABASE_URL"])
    assert len(python(there, JOINED, **looker)) == 1


GRANT = """
import sys, psycopg
with psycopg.connect(sys.argv[1]) as connection:
    connection.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO looker")
"""


def test_a_database_that_is_away_is_said_and_no_label_is_lost(
    machine: Callable[[str], Project],
) -> None:
    here = machine("here")
    write_labels(here, "labels.csv", {"one": True})
    for address in (
        f"postgresql://watcher:secret-word@127.0.0.1:{free_port()}/journal",
        "postgresql:/watcher:secret-word@127.0.0.1/journal",
    ):
        done = here.run(SLUG, "labels", "labels.csv", check=False, JOURNAL_DATABASE_URL=address)
        assert done.returncode == 1
        assert "The journal's database does not answer" in done.stderr
        assert "secret-word" not in done.stderr
        assert "Traceback" not in done.stderr
    assert not (here.path / "data/labels").exists()
    here.run(SLUG, "labels", "labels.csv")
    assert len(list((here.path / "data/labels").iterdir())) == 1
