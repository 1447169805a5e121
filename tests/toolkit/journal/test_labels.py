"""What is repeated, contradictory, unknown, late or invalid among labels is told by id."""

from dataclasses import replace

import pandas as pd
import pytest
from layers import params_yaml
from mlops.settings import PROJECT
from toolkit.journal import journal, labels
from toolkit.project.errors import UserError

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
