"""I bring my own table: naming the file and the target is enough, and a bad table is told so."""

import csv
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import real_tables
from projects import SLUG, Project, clean_environment, render
from real_tables import REAL, Real
from service import Service, serving

# The boosters take the time; that they are compared and can be served is tested elsewhere.
QUICK = (
    "cv.folds=3",
    "ladder.skip=[random forest, histogram gradient boosting, dense network, tuned LightGBM, LightGBM]",
)
OF_THE_SAMPLE = re.compile(r"\bflights?\b|\blate\b|carrier|scheduled_at|airport|tail_number", re.I)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real tables, written in an environment that has the packages."""
    folder = tmp_path_factory.mktemp("tables")
    packages = [part for name in real_tables.PACKAGES for part in ("--with", name)]
    command = [os.environ.get("UV", "uv"), "run", "--quiet", "--no-project", *packages]
    subprocess.run(
        [*command, "python", "-W", "ignore", real_tables.__file__, str(folder)],
        check=True,
        env=clean_environment(),
    )
    return folder


@pytest.fixture(scope="module")
def learnt(
    template: Path, project: Project, tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """A project that has learnt the penguins."""
    folder = render(template, tmp_path_factory.mktemp("learnt") / "penguins", role="tabular")
    mine = Project(folder, project.environment)
    mine.run(SLUG, "run", *own(tables, REAL["penguins"]))
    return mine


def own(tables: Path, table: Real, *more: str) -> list[str]:
    source = (f"data.path={tables / table.file}", "data.source=file", f"data.target={table.target}")
    return [a for pair in (*source, *table.settings, *QUICK, *more) for a in ("--set", pair)]


def read(project: Project, name: str) -> Any:
    """A JSON file that any parser takes: no NaN, no Infinity."""
    text = (project.path / name).read_text("utf-8")
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{name} holds {word}"))


# With the penguins one table a kind of target (the sample is split by time); the others are told in
# `make test-long`.
OFTEN = ("cars", "votes")
OTHERS = [
    pytest.param(name, marks=() if name in OFTEN else pytest.mark.long)
    for name in REAL
    if name != "penguins"
]


@pytest.mark.parametrize("name", OTHERS)
def test_a_real_table_from_file_to_answer(
    name: str, fresh: Callable[..., Project], tables: Path
) -> None:
    mine = fresh(name)
    mine.run(SLUG, "run", *own(tables, REAL[name]))
    tell(mine, name, tables)


def test_penguins_from_file_to_answer(learnt: Project, tables: Path) -> None:
    tell(learnt, "penguins", tables)


def tell(mine: Project, name: str, tables: Path) -> None:
    """The story of one table, after `run`."""
    table, asked = REAL[name], json.loads((tables / f"{name}.json").read_text())
    reports_are_of_this_table(mine, table)
    mine.run(SLUG, "predict", str(tables / table.file), "--output", "answers.csv")
    offline = rows_of(mine.path / "answers.csv")
    assert [int(row["row"]) for row in offline] == list(range(1, len(offline) + 1))
    assert not any(row["error"] for row in offline)
    with serving(mine) as service:
        _, api = service.get("/openapi.json")
        assert not OF_THE_SAMPLE.search(json.dumps(api))
        assert service.post("/predict", service.example())[0] == 200
        for position, record in zip(asked["rows"], asked["records"], strict=True):
            status, answer = service.post("/predict", record)  # target and unused columns too
            assert status == 200, answer
            same(answer, offline[position])
        odd_records_are_answered_or_refused(service, asked["records"][0], read(mine, METADATA))
    assert json.loads(mine.run(SLUG, "check", "--json").stdout)
    params = mine.path / "params.yaml"
    before = params.read_bytes()
    guide = mine.run(SLUG, "init-data", str(tables / table.file), "--target", table.target, "--yes")
    assert f"task: {table.task}" in guide.stdout
    assert not OF_THE_SAMPLE.search(params.read_text("utf-8"))
    params.write_bytes(before)  # the next story begins with the sample's settings again


METADATA = "models/current/metadata.json"


def reports_are_of_this_table(mine: Project, table: Real) -> None:
    data, metrics = read(mine, "reports/data.json"), read(mine, "reports/metrics.json")
    assert data["split"]["kind"] == table.split
    assert metrics["task"] == read(mine, METADATA)["task"] == table.task
    unused = {column["name"] for column in data["columns"] if not column["used"]}
    assert unused >= {table.target, *table.unused}
    ladder = read(mine, "reports/ladder.json")
    assert ladder["chosen"] in [rung["name"] for rung in ladder["rungs"][1:]]
    for document in ("README.md", "MODEL_CARD.md", "DATA.md", "reports/report.html"):
        text = (mine.path / document).read_text("utf-8")
        assert not (found := OF_THE_SAMPLE.search(text)), f"{document}: {found}"
        assert not re.search(r"\bnan\b|\binf\b", re.sub(r"<[^>]*>", "", text)), document


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def same(answer: dict[str, Any], row: dict[str, str]) -> None:
    """What the service answers is what `predict` wrote."""
    if "value" in answer:
        assert answer["value"] == pytest.approx(float(row["prediction"]), abs=1e-6)
        return
    assert str(answer["prediction"]) == row["prediction"]
    for label, probability in answer["probabilities"].items():
        assert probability == pytest.approx(float(row[f"probability_{label}"]), abs=1e-6)


def odd_records_are_answered_or_refused(
    service: Service, record: dict[str, Any], metadata: dict[str, Any]
) -> None:
    _, usual = service.post("/predict", record)
    texts = {k: str(v) if type(v) in (int, float) else v for k, v in record.items()}
    _, as_texts = service.post("/predict", texts)
    assert as_texts["prediction"] == usual["prediction"]
    columns = {c["name"]: c for c in metadata["schema"]["columns"]}
    wrong = {"number": "many", "boolean": "perhaps", "date": "some day"}
    for name, column in columns.items():
        expected = 200 if column["nullable"] else 422
        left_out = {key: value for key, value in record.items() if key != name}
        for odd in ({**record, name: None}, left_out):
            status, answer = service.post("/predict", odd)
            assert status == expected, (name, answer)
            if status == 422:
                assert answer["detail"][0]["loc"] == ["body", name]
        if column["kind"] == "category":
            status, answer = service.post("/predict", {**record, name: "never seen ☃"})
            assert status == 200
            assert any("never seen ☃" in warning for warning in answer["warnings"])
        for value in ({"a": 1}, [1], wrong.get(column["kind"], [])):
            status, answer = service.post("/predict", {**record, name: value})
            assert status == 422, (name, value, answer)
            assert answer["detail"][0]["loc"] == ["body", name]
    status, answer = service.post("/predict", {**record, "no such column": 1})
    assert status == 422
    assert "no such column" in json.dumps(answer)


def test_a_bad_row_is_reported_by_number_and_the_others_answered(
    learnt: Project, tables: Path
) -> None:
    whole = rows_of(tables / "penguins.csv")
    learnt.run(SLUG, "predict", str(tables / "penguins.csv"), "--output", "all.csv")
    few = [{**row, "new column": "x"} for row in whole[:9]]
    few[4]["bill_length_mm"] = "long"
    few[6]["year"] = "-3"
    with (learnt.path / "few.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [name for name in few[0] if name != "species"])
        writer.writeheader()
        writer.writerows({k: v for k, v in row.items() if k != "species"} for row in few)
    done = learnt.run(SLUG, "predict", "few.csv", "--output", "few-answers.csv")
    answers, expected = rows_of(learnt.path / "few-answers.csv"), rows_of(learnt.path / "all.csv")
    assert [bool(row["error"]) for row in answers] == [i == 4 for i in range(9)]
    assert "year: -3 is outside the training data" in answers[6]["warnings"]
    assert "'long' is not a number" in answers[4]["error"]
    assert re.search(r"Row 5: bill_length_mm: 'long'", done.stderr + done.stdout)
    assert "new column" in done.stderr + done.stdout
    for i in (0, 1, 2, 3, 5, 7, 8):
        for name, value in expected[i].items():
            number = name.startswith("probability_")  # a sum's last digit depends on the batch
            assert answers[i][name] == value or (
                number and float(answers[i][name]) == pytest.approx(float(value), abs=1e-9)
            )


ROWS = "".join(f"{i},{i * 7 % 13},{'uv'[i % 2]}\n" for i in range(100))
BAD = {
    "empty": (b"", "is empty"),
    "header": (b"a,b,y\n", "no rows"),
    "one class": (b"a,y\n" + b"".join(b"%d,same\n" % i for i in range(90)), "one value only, 'same'"),
    "two rows": (b"a,y\n1,u\n2,v\n", "2 rows.*at least 50"),
    "few rows": (f"a,b,y\n{ROWS}"[:300].rpartition("\n")[0].encode(), "at least 50"),
    "duplicates": (f"a,a,y\n{ROWS}".encode(), "more than one column called 'a'"),
    "no target": (f"a,b,Y\n{ROWS}".encode(), "'y', which is not a column. Did you mean 'Y'"),
    "mixed": (f"a,b,y\n{ROWS}12 apples,1,u\n".encode(), "'a' mixes types.*line 102.*'12 apples'"),
    "delimiter": (f"a,b,y\n{ROWS}".replace(",", "~").encode(), "only one column, 'a~b~y'"),
    "ragged": (f"a,b,y\n{ROWS}1,2,u,4\n".encode(), "line 102: 4 fields where the header has 3"),
    "binary": (bytes(range(256)) * 40, "a binary file"),
    "absent": (None, "is not there"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_table_is_named_with_its_remedy(name: str, learnt: Project, tmp_path: Path) -> None:
    """By the stage, and once by all of them, which end with it."""
    command = "run" if name == "mixed" else "data"
    content, words = BAD[name]
    if content is not None:
        (tmp_path / "mine.csv").write_bytes(content)
    before = read(learnt, METADATA)
    done = learnt.run(SLUG, command, *own(tmp_path, Real("mine.csv", "y", "auto")), check=False)
    assert done.returncode == 1
    assert re.search(f"(?s){words}", done.stderr), done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert read(learnt, METADATA) == before


def test_the_earlier_model_still_serves_after_the_bad_tables(learnt: Project) -> None:
    with serving(learnt) as service:
        assert service.post("/predict", service.example())[0] == 200
