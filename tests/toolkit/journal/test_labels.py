"""What is repeated, contradictory, unknown, late or invalid among labels is told by id."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from layers import params_yaml
from mlops.settings import PROJECT
from small_model import schema_for
from toolkit.journal import journal, labels
from toolkit.project.errors import UserError
from toolkit.project.files import write_json

ANSWERED = pd.DataFrame(
    {
        "id": ["a", "b", "c"],
        "at": pd.to_datetime(["2026-01-01", "2026-03-01", "2026-03-01"], utc=True),
    }
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "params.yaml").write_text(params_yaml("mlops"), "utf-8")
    monkeypatch.setattr(journal, "read", lambda project: ANSWERED)
    return replace(PROJECT, root=tmp_path)


def delivery(*rows: tuple[object, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["id", "late"])


def counts(report: dict) -> dict[str, list[str]]:
    return {
        name: found["ids"] for name, found in report.items() if name != "rows" and found["count"]
    }


def test_each_kind_is_counted(project):
    now = pd.Timestamp("2026-03-02", tz="UTC").to_pydatetime()
    first = labels.add(project, delivery(("a", True), ("b", False), ("z", True)), 30, now)
    assert counts(first) == {"matched": ["a", "b"], "unknown": ["z"], "late": ["a"]}
    second = labels.add(
        project,
        delivery(("a", True), ("b", True), ("c", "yes"), ("c", "no"), ("", True), ("d", None)),
    )
    assert second["rows"] == 6
    assert counts(second) == {
        "invalid": ["5", "6"],
        "matched": ["a", "b", "c"],
        "duplicate": ["a"],
        "conflicting": ["b", "c"],
    }


def test_the_last_label_that_arrived_counts(project):
    labels.add(project, delivery(("a", True)))
    labels.add(project, delivery(("a", False)))
    latest = labels.latest(project)
    assert latest["label"].tolist() == ["false"]


def test_a_file_without_ids_says_what_is_needed(project):
    with pytest.raises(UserError, match="`id` and `label`"):
        labels.add(project, pd.DataFrame({"late": [True]}))


def served(project, classes, name: str = "late", **target) -> None:
    """A model in place that answers with these classes, or with numbers."""
    task = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    schema = schema_for({"name": name, "task": task, "classes": classes, **target})
    place = project.root / "models/champion/metadata.json"
    write_json(place, {"model_version": "v1", "schema": schema.to_json()})


@pytest.mark.parametrize(
    ("classes", "given", "taken"),
    [
        ([False, True], [0, "yes", " TRUE", True], ["false", "true", "true", "true"]),
        ([False, True], [1.0, "N", "0.0", np.bool_(False)], ["true", "false", "false", "false"]),
        ([0, 1], ["TRUE", "no", 1.0, "1.0"], ["1", "0", "1", "1"]),
        (["no", "yes"], [1, "No", "true", "YES "], ["yes", "no", "yes", "yes"]),
        (["no", "No"], ["no", "No", "no", "No"], ["no", "No", "no", "No"]),
        (["late", "on time"], ["Late", "on  time", "late", "ON TIME"], None),
        ([1, 2, 30], ["1.0", 2.0, 30, "2"], ["1", "2", "30", "2"]),
        (None, ["1.5", -2, 3.0, "1e3"], ["1.5", "-2", "3", "1e3"]),
    ],
)
def test_what_can_mean_one_class_only_is_that_class(project, classes, given, taken):
    served(project, classes)
    report = labels.add(project, delivery(*zip("abcd", given, strict=True)))
    assert report["invalid"]["count"] == 0
    stored = labels.latest(project).sort_values("id")["label"].tolist()
    assert stored == (taken or ["late", "on time", "late", "on time"])


@pytest.mark.parametrize(
    ("classes", "wrong"),
    [
        ([False, True], ["2", "maybe", "-"]),
        (["late", "on time"], [1, "0", "true"]),
        (["no", "No"], ["NO", "nO", "yes"]),
        ([1, 2, 30], ["yes", "3", 1.5]),
        (None, ["high", "nan", "1_000"]),
    ],
)
def test_what_is_none_of_the_classes_is_told_and_not_kept(project, classes, wrong):
    served(project, classes)
    good = 7 if classes is None else classes[0]
    report = labels.add(project, delivery(("z", good), *zip("abc", wrong, strict=True)))
    assert report["invalid"] == {"count": 3, "ids": ["2", "3", "4"], "values": [*map(str, wrong)]}
    assert labels.latest(project)["id"].tolist() == ["z"]
    named = "a number" if classes is None else "one of the classes of `late`"
    with pytest.raises(UserError, match=named):
        labels.add(project, delivery(*zip("abc", wrong, strict=True)))


def test_a_spelling_that_training_merged_is_that_class(project):
    served(project, ["no", "yes"], spellings={"yes": ["late", "L."], "no": ["1"]})
    labels.add(project, delivery(("a", "late"), ("b", " L. "), ("c", 1)))
    assert labels.latest(project)["label"].tolist() == ["yes", "yes", "no"]


def test_numbers_of_a_file_are_read_as_training_read_them(project, tmp_path):
    served(project, None, format={"decimal": ",", "mark": "\u20ac"})
    (tmp_path / "l.csv").write_text("id;label\na;1.234,5 \u20ac\nb;1.234 \u20ac\nc;7\n", "utf-8")
    for again in (labels.add(project, tmp_path / "l.csv"), labels.add(project, tmp_path / "l.csv")):
        assert again["invalid"]["count"] == 0
    assert counts(again)["duplicate"] == ["a", "b", "c"]
    labels.add(project, delivery(("d", 1.234)))
    assert labels.latest(project)["label"].tolist() == ["1234.5", "1234", "7", "1.234"]


def test_labels_that_came_before_the_classes_were_known_are_read_by_them(project):
    labels.add(project, delivery(("a", 1), ("b", 0), ("c", "perhaps")))
    served(project, [False, True])
    again = labels.add(project, delivery(("a", True), ("b", True)))
    assert counts(again) == {"matched": ["a", "b"], "duplicate": ["a"], "conflicting": ["b"]}
    target = schema_for({"name": "late", "task": "binary", "classes": [False, True]}).target
    found = labels.latest(project, target).set_index("id")["label"]
    assert found.to_dict() == {"a": "true", "b": "true"}
