"""Retraining happens where the monitor advises it, and waits for labels where they are too few."""

from types import SimpleNamespace

import pytest
from mlops import gate
from mlops.settings import PROJECT
from toolkit.project.errors import UserError

ADVISED = {"retrain": True, "model_version": "first"}


@pytest.fixture
def postponed(monkeypatch):
    """The reasons written down by a registry whose champion is `first`."""
    written = []
    registry = SimpleNamespace(
        champion=lambda: SimpleNamespace(model_version="first"),
        postpone=lambda version, reasons: written.append(reasons),
    )
    monkeypatch.setattr(gate, "Registry", lambda project, load: registry)
    return written


def raising(error: Exception):
    def retrain(project, params, name):
        raise error

    return retrain


def test_too_few_labels_postpone_what_is_advised(postponed, monkeypatch):
    too_few = gate.TooFewLabels("12 labelled predictions are newer.")
    monkeypatch.setattr(gate, "retrain", raising(too_few))
    assert gate.retrain_if_advised(PROJECT, None, ADVISED) == "12 labelled predictions are newer."
    assert postponed == [["12 labelled predictions are newer."]]


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ({**ADVISED, "retrain": False}, "does not advise"),
        ({**ADVISED, "model_version": "zeroth"}, "not the champion"),
    ],
)
def test_what_is_not_advised_is_not_done(postponed, monkeypatch, seen, said):
    monkeypatch.setattr(gate, "retrain", raising(AssertionError("retrained")))
    assert said in gate.retrain_if_advised(PROJECT, None, seen)
    assert postponed == []


def test_another_mistake_is_one(postponed, monkeypatch):
    monkeypatch.setattr(gate, "retrain", raising(UserError("There is no champion.")))
    with pytest.raises(UserError, match="no champion"):
        gate.retrain_if_advised(PROJECT, None, ADVISED)
