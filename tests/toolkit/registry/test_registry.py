"""A registry on MLflow's local store: it moves with the project, whatever its folder is called."""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlops.api import load
from mlops.settings import PROJECT
from small_model import save_bundle
from toolkit.project.errors import UserError
from toolkit.project.settings import Project
from toolkit.registry.registry import Registry
from toolkit.training import tracking
from toolkit.training.bundle import BUNDLE

ODD = "a?b #1 100%20 é"
LOADER = "mlops.api:load"


def bundle(root: Path, version: str) -> None:
    """Put a model into `models/current`."""
    shutil.rmtree(root / BUNDLE, ignore_errors=True)
    path = save_bundle(root / BUNDLE) / "metadata.json"
    metadata = {**json.loads(path.read_text()), "model_version": version}
    metadata |= {"data_sha256": "0" * 64, "git_commit": None, "packages": {}}
    path.write_text(json.dumps(metadata))


def served(project: Project) -> str:
    return json.loads((project.root / "models/champion/metadata.json").read_text())["model_version"]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one champion, in a folder with an odd name; to be copied."""
    root = tmp_path_factory.mktemp("registry") / ODD
    bundle(root, "first")
    with pytest.MonkeyPatch.context() as patch, contextlib.chdir(root):
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        registry = Registry(PROJECT, load)
        registry.promote(registry.register(LOADER), ["It is the first."])
    return root


@pytest.fixture
def project(
    registered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Project]:
    """Return a function that copies the project to another name."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)  # which MLflow writes itself

    def copied(name: str = "copy") -> Project:
        return replace(PROJECT, root=shutil.copytree(registered, tmp_path / name))

    return copied


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_folder_of_any_name_holds_all_of_its_store(registered: Path) -> None:
    assert {path.name for path in registered.parent.iterdir()} == {ODD}
    assert {path.name for path in registered.iterdir()} == {
        "models",
        "reports",
        "mlflow.db",
        "mlruns",
    }


def test_a_copy_goes_on_by_itself(registered: Path, project: Callable[..., Project]) -> None:
    before = contents(registered)
    copy = project()
    registry = Registry(copy, load)
    shutil.rmtree(copy.root / "models/champion")
    assert registry.champion().model_version == "first"  # fetched again, from its own files
    assert served(copy) == "first"
    bundle(copy.root, "second")
    registry.promote(registry.register(LOADER), ["It is newer."])
    assert served(copy) == "second"
    registry.rollback()
    assert served(copy) == "first"
    assert contents(registered) == before
    with sqlite3.connect(copy.root / "mlflow.db") as store:
        for table, column in tracking._ADDRESSES:
            places = [place for (place,) in store.execute(f"SELECT {column} FROM {table}") if place]
            assert all(
                place.startswith(((copy.root / "mlruns").as_uri(), "models:/", "/"))
                for place in places
            ), (table, places)


def test_files_that_are_gone_are_named_and_nothing_changes(project: Callable[..., Project]) -> None:
    copy = project("plain")
    shutil.rmtree(copy.root / "mlruns")
    with pytest.raises(UserError, match=r"bring them back|cannot be fetched") as told:
        Registry(copy, load).promote(Registry(copy, load).find("1"), ["Again."])
    assert "removed from the store" not in str(told.value)
    assert served(copy) == "first"


def test_a_store_that_is_none_costs_no_model(
    project: Callable[..., Project], caplog: pytest.LogCaptureFixture
) -> None:
    copy = project("damaged")
    (copy.root / "mlflow.db").write_bytes(b"no database" * 1000)
    tracking.log_evaluation(copy, "some-run", {"roc_auc": 0.7}, [])
    assert "not logged to MLflow" in caplog.text
    with pytest.raises(UserError, match="no store of MLflow's"):
        Registry(copy, load).champion()


def test_with_a_key_only_what_was_signed_with_it_is_put_in_place(
    project: Callable[..., Project], monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project("signed")
    registry = Registry(copy, load)
    monkeypatch.setenv("REGISTRY_KEY", "ours")
    with pytest.raises(UserError, match="REGISTRY_KEY"):  # the first was registered without
        registry.promote(registry.find("first"), ["Again."])
    bundle(copy.root, "second")
    signed = registry.register(LOADER)
    registry.promote(registry.find("second"), ["Ours."])
    assert served(copy) == "second"
    monkeypatch.setenv("REGISTRY_KEY", "theirs")
    bundle(copy.root, "third")
    theirs = registry.register(LOADER)
    monkeypatch.setenv("REGISTRY_KEY", "ours")
    borrowed = {**theirs.tags, "bundle_signature": registry.find("second").tags["bundle_signature"]}
    for forged in (theirs, replace(theirs, tags=borrowed)):
        with pytest.raises(UserError, match="REGISTRY_KEY"):
            registry.promote(forged, ["Theirs."])
    assert served(copy) == "second"
    assert signed.number != theirs.number
