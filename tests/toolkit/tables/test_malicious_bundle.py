"""A bundle that somebody else wrote: nothing in it runs, and what was changed is not loaded."""

import os
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from small_model import save_bundle
from tabular.api import load
from toolkit.project.errors import UserError
from toolkit.project.files import read_json, write_json
from toolkit.tables import skops_types
from toolkit.training.bundle import BUNDLE, replacing


class OwnBayes(GaussianNB):
    """An owner's model that no converter knows."""


def as_skops(folder: Path, model: object) -> Path:
    """A whole bundle whose model is in skops' form, and which trusts all that is in it."""
    save_bundle(folder)
    skops.io.dump(model, folder / "model.skops")
    metadata = read_json(folder / "metadata.json", "train")
    trusted = skops.io.get_untrusted_types(file=folder / "model.skops")
    write_json(
        folder / "metadata.json", {**metadata, "format": "skops", "trusted_types": list(trusted)}
    )
    return folder


def test_a_bundle_cannot_say_what_is_to_be_trusted_of_it(tmp_path: Path) -> None:
    model = make_pipeline(FunctionTransformer(os.system), "passthrough")
    with pytest.raises(UserError, match=r"wants (posix|nt)\.system made"):
        load(as_skops(tmp_path, model))


def test_a_class_of_the_owner_is_loaded_once_the_code_trusts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    folder = as_skops(tmp_path, OwnBayes().fit(matrix, np.arange(20) % 2))
    name = f"{OwnBayes.__module__}.OwnBayes"
    with pytest.raises(UserError, match=name):
        load(folder)
    monkeypatch.setattr(skops_types, "TRUSTED", {*skops_types.TRUSTED, name})
    assert load(folder).matrix_outputs(matrix[:3]).shape == (3, 2)


def test_a_file_of_skops_that_is_none_is_said(tmp_path: Path) -> None:
    folder = as_skops(tmp_path, OwnBayes())
    (folder / "model.skops").write_bytes(b"PK nothing")
    with pytest.raises(UserError, match="cannot be used"):
        load(folder)


@pytest.mark.parametrize("name", ["model.onnx", "encoder.json", "lookups.json"])
def test_a_file_that_is_not_the_one_that_was_written_is_not_loaded(
    tmp_path: Path, name: str
) -> None:
    with replacing(tmp_path) as work:
        save_bundle(work)
    assert load(tmp_path / BUNDLE).version == "v1"
    path = tmp_path / BUNDLE / name
    content = path.read_bytes()
    path.write_bytes(content + b" ")  # JSON as before, and a graph that still loads
    with pytest.raises(UserError, match=rf"{name} is not the file that `train` wrote"):
        load(tmp_path / BUNDLE)
    path.unlink()
    with pytest.raises(UserError, match=name):
        load(tmp_path / BUNDLE)
