"""Nothing, an alarm or another model: what is told has the figures, and calls nobody."""

import json
from dataclasses import replace

import pytest
from mlops.settings import PROJECT
from toolkit.monitoring import summary
from toolkit.project.errors import UserError

RAN_AT = "2026-01-05T04:43:00+00:00"
EARLIER, LATER = "2026-01-05T04:42:59+00:00", "2026-01-05T04:44:00+00:00"


def summarize(root) -> dict:
    return summary.summarize(replace(PROJECT, root=root))


def check(name: str, alert: bool = True) -> dict:
    says = f"{name}: 31% of the rows lie elsewhere (more than the 10% that chance allows)."
    return {
        "monitor": "features",
        "name": name,
        "value": 0.3141,
        "threshold": 0.1,
        "alert": alert,
        "says": says,
        "detail": {},
    }


def watched(root, *checks: dict, retrain: bool = True) -> None:
    """What `monitor` leaves behind."""
    content = {
        "at": RAN_AT,
        "model_version": "first",
        "window": {"source": "journal", "from": "2025-12-06", "to": "2026-01-05"},
        "rows": 1234,
        "labelled": 1000,
        "alerts": [each["says"] for each in checks if each["alert"]],
        "retrain": retrain and any(each["alert"] for each in checks),
        "checks": list(checks),
    }
    (root / "reports").mkdir(exist_ok=True)
    (root / "reports/monitor.json").write_text(json.dumps(content), "utf-8")


def decide(root, action: str, at: str = LATER, reason: str = "roc_auc 0.9 beats 0.8.") -> None:
    """What a decision leaves behind."""
    gate = {"name": "gain", "passed": action == "promoted", "value": 0.1, "bound": 0.0}
    line = {
        "at": at,
        "action": action,
        "version": 2,
        "model_version": "second",
        "champion_before": "first",
        "reasons": [reason],
        "checks": [] if action == "postponed" else [{**gate, "detail": "gain +0.1"}],
    }
    with (root / "reports/promotions.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def test_without_an_alarm_there_is_nothing_to_tell(tmp_path):
    watched(tmp_path, check("humidity", alert=False))
    found = summarize(tmp_path)
    assert found["kind"] == "nothing"
    assert "None of 1 checks" in found["body"]
    assert (tmp_path / summary.BODY).read_text("utf-8") == found["body"]


def test_an_alarm_is_told_with_its_figures(tmp_path):
    watched(tmp_path, check("humidity"), check("wind", alert=False), retrain=False)
    found = summarize(tmp_path)
    assert found["kind"] == "alarm"
    assert found["title"] == "1 of 2 checks of model first is beyond the threshold"
    assert "| features | humidity | 0.3141 | 0.1 | humidity: 31% of" in found["body"]
    assert "wind" not in found["body"]
    assert "1,234 rows of journal from 2025-12-06" in found["body"]
    assert "None of these advises retraining" in found["body"]


@pytest.mark.parametrize(
    ("action", "kind", "words"),
    [
        ("promoted", "promoted", "Version 2 (second) answers instead of first:"),
        ("refused", "alarm", "Version 2 (second) was retrained and refused; first goes on"),
        ("postponed", "alarm", "has to wait; first goes on answering:"),
        ("rolled back", "alarm", "Retraining is advised: `uv run"),
    ],
)
def test_what_became_of_it_is_told(tmp_path, action, kind, words):
    watched(tmp_path, check("humidity"))
    decide(tmp_path, action)
    found = summarize(tmp_path)
    assert found["kind"] == kind
    assert words in found["body"]
    assert ("roc\\_auc 0.9 beats" in found["body"] or "roc_auc 0.9 beats" in found["body"]) == (
        action != "rolled back"
    )
    assert ("gain +0.1" in found["body"]) == (action in ("promoted", "refused"))
    if kind == "promoted":
        assert found["title"] == "Model second answers instead of first"
        assert found["branch"] == "model-second"


def test_earlier_decisions_are_left_out(tmp_path):
    watched(tmp_path, check("humidity"))
    decide(tmp_path, "promoted", at=EARLIER)
    assert summarize(tmp_path)["kind"] == "alarm"


def test_names_neither_call_a_person_nor_break_the_page(tmp_path):
    watched(tmp_path, check("@everyone | <img src=x>\n# Title"))
    decide(tmp_path, "refused", reason="The slice dest = @ada (300 rows) has a loss.")
    found = summarize(tmp_path)
    assert "@everyone" not in found["body"]
    assert "@ada" not in found["body"]
    assert "<img" not in found["body"]
    assert "\n# Title" not in found["body"]
    [row] = [line for line in found["body"].splitlines() if "everyone" in line]
    assert row.replace("\\|", "").count("|") == 6


def test_an_issue_has_an_end(tmp_path):
    watched(tmp_path, *(check(f"column {number}") for number in range(5000)))
    found = summarize(tmp_path)
    assert len(found["body"]) < 60_000
    assert "and 4960 more" in found["body"]


def test_before_the_first_run_it_says_what_to_do(tmp_path):
    with pytest.raises(UserError, match="Run `monitor` first"):
        summarize(tmp_path)
