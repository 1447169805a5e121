"""Retraining happens where the monitor advises it, and waits for labels where they are too few."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from mlops import gate
from mlops.settings import PROJECT, Params
from toolkit.evaluation.intervals import Units
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
    def raised(*arguments):
        raise error

    return raised


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


@pytest.mark.parametrize(("days", "waits"), [(8, True), (30, False)])
def test_labels_of_too_few_days_to_judge_on_are_waited_for(monkeypatch, days, waits):
    """2,000 labels; the newest quarter of a week's are of two days, of which there is no interval."""

    class Labels(SimpleNamespace):
        units = property(lambda self: Units.of(len(self.y), time=self.time))

        def take(self, rows):
            return Labels(y=self.y[rows], time=self.time[rows], x=None)

    time = pd.date_range("2026-01-01", periods=2000, freq=pd.Timedelta(days=days) / 2000)
    known = Labels(y=np.zeros(2000), time=time.to_numpy())
    champion = SimpleNamespace(metadata={"rung": "logistic regression"})
    registry = SimpleNamespace(champion=lambda: champion)
    monkeypatch.setattr(gate, "Registry", lambda project, load: registry)
    monkeypatch.setattr(gate, "served", lambda project: None)
    monkeypatch.setattr(gate, "load", lambda bundle: champion)
    monkeypatch.setattr(gate.labelled, "traffic", lambda project, model: known)
    monkeypatch.setattr(gate.labelled, "unseen", lambda known, model: known)
    monkeypatch.setattr(gate, "read_table", raising(KeyError("trains")))
    params = SimpleNamespace(gate=Params.model_fields["gate"].annotation())
    error, said = (gate.TooFewLabels, "of 2 days; 5") if waits else (KeyError, "trains")
    with pytest.raises(error, match=said):
        gate.retrain(PROJECT, params)
