"""The data stage from a file to two sides, with its report."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from odd_table import N, write_odd_table
from pydantic import ValidationError
from tabular import data
from tabular.settings import PROJECT, Params
from toolkit.profiling.schema import Schema
from toolkit.project.errors import UserError
from toolkit.reading.settings import Data
from toolkit.splitting.tables import split_by_time


@pytest.fixture
def project(tmp_path):
    write_odd_table(tmp_path / "data" / "raw" / "mine.csv")
    return tmp_path


def run(settings, root):
    return data.run(replace(PROJECT, root=root), settings)


def params(**settings):
    given = {"source": "file", "path": "data/raw/mine.csv", "target": "sold", **settings}
    return Params(data=Data.model_validate(given))


def read(project):
    sides = [pd.read_parquet(project / "data" / f"{side}.parquet") for side in ("train", "test")]
    return *sides, Schema.from_json(json.loads((project / "data" / "schema.json").read_text()))


def test_the_stage_leaves_two_sides_a_schema_and_a_report(project):
    report = run(params(), project)
    train, test, schema = read(project)
    assert report == json.loads((project / "reports" / "data.json").read_text("utf-8"))
    assert (report["rows_read"], report["rows_used"]) == (N, N - 10)
    assert report["rows_dropped"] == {"missing target": 10}
    assert (len(train), len(test)) == (
        report["split"]["train"]["rows"],
        report["split"]["test"]["rows"],
    )
    assert abs(train["sold"].eq("yes").mean() - test["sold"].eq("yes").mean()) < 0.02
    assert schema.target.classes == ["no", "yes"]
    assert {c.name: c.kind for c in schema.columns} == {
        "class": "category",
        "age of owner": "number",
        "sex": "category",
        "when": "date",
        "shop": "number",
        "größe": "number",
    }
    assert [c.name for c in schema.columns if c.nullable] == ["größe"]
    assert schema.ignored[0].name == "id"
    assert set(train) >= {"id", "sold"}
    assert any("1,000 rows" in sentence for sentence in report["notes"])


def with_sentinels(project):
    path = project / "data" / "raw" / "mine.csv"
    frame = pd.read_csv(path, sep=";", dtype=str, keep_default_na=False)
    frame.loc[frame.index % 20 == 3, "age of owner"] = "-999"
    frame.to_csv(path, sep=";", index=False)


def test_what_is_not_as_it_seems_is_in_report_datasheet_and_log(project, caplog):
    caplog.set_level("INFO")
    with_sentinels(project)
    (warning,) = run(params(), project)["warnings"]
    assert (warning["column"], warning["kind"]) == ("age of owner", "sentinel")
    assert (warning["examples"], warning["accepted"]) == (["-999"], None)
    for told in ((project / "DATA.md").read_text("utf-8"), caplog.text):
        assert "999, apart from the others" in told
    assert "data.missing: [-999]" in caplog.text
    ages = run(params(missing=[-999]), project)["columns"][2]
    assert (ages["name"], ages["min"] >= 0) == ("age of owner", True)


def test_a_warning_is_accepted_with_a_reason_and_a_needless_one_is_told(project, caplog):
    with_sentinels(project)
    accept = [{"column": "age of owner", "kind": "sentinel", "reason": "Cars of the museum."},
              {"column": "sex", "kind": "sentinel", "reason": "Old."}]  # fmt: skip
    report = run(params(accept=accept, labels={"yes": "sold", "maybe": "?"}), project)
    assert report["warnings"][0]["accepted"] == "Cars of the museum."
    assert any(
        "takes 'sentinel' of sex, of which nothing warns" in note for note in report["notes"]
    )
    assert any("names 'maybe', which is no class" in note for note in report["notes"])
    assert report["target"]["labels"] == {"yes": "sold"}
    warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert not any("apart from the others" in line for line in warned)  # information by now
    with pytest.raises(ValidationError, match="reason"):
        params(accept=[{"column": "sex", "kind": "sentinel", "reason": ""}])


def test_a_number_as_target_has_a_histogram(project):
    target = run(params(target="age of owner"), project)["target"]
    assert len(target["histogram"]["edges"]) == len(target["histogram"]["counts"]) + 1
    assert sum(target["histogram"]["counts"]) == N
    assert target["classes"] is None


def test_the_same_table_gives_the_same_bytes(project):
    first = run(params(), project)["sha256"]
    assert run(params(), project)["sha256"] == first


def test_by_time_the_test_set_comes_last_and_rows_are_in_order(project):
    report = run(params(time="when"), project)
    train, test, schema = read(project)
    assert report["split"]["kind"] == "time"
    assert train["when"].max() < test["when"].min()
    assert train["when"].is_monotonic_increasing
    assert schema.time == "when"


def test_by_group_no_group_is_on_both_sides(project):
    run(params(group="shop"), project)
    train, test, schema = read(project)
    assert not set(train["shop"]) & set(test["shop"])
    assert "shop" not in [column.name for column in schema.columns]


def test_with_time_and_group_earlier_rows_of_test_groups_leave():
    frame = pd.DataFrame({"t": np.arange(100), "g": np.r_[np.arange(80) % 30, np.arange(20)]})
    split = split_by_time(frame, "t", "g", 0.2)
    assert not set(frame["g"].iloc[split.train]) & set(frame["g"].iloc[split.test])
    assert sum(split.left_out.values()) + len(split.train) + len(split.test) == 100


def test_a_timestamp_is_never_on_both_sides():
    frame = pd.DataFrame({"t": np.repeat(np.arange(10), [1, 1, 1, 1, 1, 1, 1, 60, 1, 1])})
    split = split_by_time(frame, "t", None, 0.2)
    assert frame["t"].iloc[split.train].max() < frame["t"].iloc[split.test].min()


def test_what_is_left_of_the_sample_in_params_is_ignored_and_logged(project, caplog):
    caplog.set_level("INFO")
    sample = {"time": "scheduled_at", "drop": ["tail_number"], "sensitive": ["carrier"],
              "lookups": [{"key": ["origin"], "columns": ["distance"]}]}  # fmt: skip
    report = run(params(**sample), project)
    assert report["split"]["kind"] == "stratified"
    assert "scheduled_at is a column of the sample, not of yours" in caplog.text
    assert "scheduled_at" not in (project / "reports/data.json").read_text("utf-8")
    assert "scheduled_at" not in (project / "DATA.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"time": "wenn"}, r"`data\.time` is 'wenn'.*Did you mean 'when'"),
        ({"drop": ["nothing"]}, r"`data\.drop` is 'nothing'"),
        ({"group": "sold"}, "which is the target"),
        ({"drop": ["sold"]}, "lists the target"),
        ({"limit": 30}, "20 of 30 rows .*at least 50"),
    ],
)
def test_settings_that_do_not_fit_are_named(project, settings, words):
    with pytest.raises(UserError, match=words):
        run(params(**settings), project)
    assert not (project / "data" / "train.parquet").exists()


def test_the_datasheet_keeps_the_owners_words(project):
    run(params(), project)
    path = project / "DATA.md"
    text = path.read_text("utf-8")
    assert "größe" in text
    assert "<!-- owner:" in text
    path.write_text(text.replace("## Upkeep", "## Upkeep\n\nMine."), "utf-8")
    run(params(limit=300), project)
    assert "Mine." in path.read_text("utf-8")
    assert "300 rows" in path.read_text("utf-8")
