"""The target of a labelled file is read as that of the training data was."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_model import schema_for
from toolkit.monitoring import reference, windows
from toolkit.project.errors import UserError


def truth(monkeypatch, path, labels: list[str], **target) -> list:
    """What `of_file` takes for the truth of rows with these labels."""
    path.write_text("late;x\n" + "".join(f"{label};1\n" for label in labels), "utf-8")
    schema = schema_for({"name": "late", **target})
    taken = []
    monkeypatch.setattr(reference, "of_frame", lambda _, frame, name: taken.append(frame[name]))
    monkeypatch.setattr(windows, "require_format", lambda *_: None)
    monkeypatch.setattr(windows, "_described", lambda *_: {})
    windows.of_file(SimpleNamespace(schema=schema), path)
    return taken[0].tolist()


def test_numbers_are_read_in_the_format_of_the_schema(monkeypatch, tmp_path) -> None:
    regression = {"task": "regression", "format": {"decimal": ",", "missing": ["-999"]}}
    found = truth(monkeypatch, tmp_path / "t.csv", ["1.234,5", "", "7", "-999"], **regression)
    np.testing.assert_array_equal(found, [1234.5, np.nan, 7, np.nan])
    with pytest.raises(UserError, match="Row 2, column 'late': 'far'"):
        truth(monkeypatch, tmp_path / "t.csv", ["1", "far"], **regression)


def test_labels_take_the_spelling_of_the_classes(monkeypatch, tmp_path) -> None:
    target = {"task": "binary", "classes": ["no", "yes"], "spellings": {"yes": ["y."]}}
    found = truth(monkeypatch, tmp_path / "t.csv", ["y.", "NO ", "", "other"], **target)
    assert found == ["yes", "no", None, "other"]
