"""A bundle that is put in place is taken up; a damaged one is not, and is spoken of."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from small_model import FLIGHT, save_bundle
from tabular.api import API
from tabular.settings import PROJECT
from toolkit.project.files import read_json, write_bytes, write_json
from toolkit.serving import reload
from toolkit.serving.limits import Limits
from toolkit.training.bundle import BUNDLE, replacing


def put(root: Path, version: str, damaged: bool = False) -> None:
    with replacing(root) as folder:
        save_bundle(folder)
        metadata = read_json(folder / "metadata.json", "train")
        write_json(folder / "metadata.json", {**metadata, "model_version": version})
        if damaged:
            write_bytes(folder / "model.onnx", b"{}")


@pytest.fixture
def following(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> reload.Following:
    """The application, which looks when a test says so."""
    monkeypatch.setattr(reload, "SECONDS_BETWEEN_LOOKS", 3600)
    put(tmp_path, "v1")
    return reload.Following(replace(PROJECT, root=tmp_path), API, Limits())


def served(following: reload.Following) -> str:
    answer = TestClient(following).post("/predict", json=FLIGHT)
    assert answer.status_code == 200
    version = answer.json()["model_version"]
    asyncio.run(_answers_in_one_call(following, version))
    return version


async def _answers_in_one_call(following: reload.Following, version: str) -> None:
    headers = [(b"content-type", b"application/json")]
    scope = {"path": "/predict", "method": "POST", "headers": headers}
    answer = following.direct(scope, json.dumps(FLIGHT).encode())
    assert answer is not None
    assert json.loads(answer.content)["model_version"] == version


def test_another_bundle_takes_over(following: reload.Following, tmp_path: Path) -> None:
    assert served(following) == "v1"
    put(tmp_path, "v2")
    following.look()
    assert served(following) == "v2"


def test_a_damaged_bundle_leaves_the_earlier_model(
    following: reload.Following, tmp_path: Path
) -> None:
    put(tmp_path, "v2", damaged=True)
    following.look()
    assert served(following) == "v1"
    assert "newer model" in TestClient(following).get("/health").json()["detail"]
    put(tmp_path, "v3")
    following.look()
    assert served(following) == "v3"
    assert TestClient(following).get("/health").json()["status"] == "healthy"


def test_a_bundle_that_is_swapped_while_it_is_read_is_left_to_the_next_look(
    following: reload.Following, tmp_path: Path
) -> None:
    load = following._api.load

    def slow(folder: Path) -> object:
        loaded = load(folder)
        put(tmp_path, "v3")
        return loaded

    put(tmp_path, "v2")
    following._api = replace(following._api, load=slow)
    following.look()
    assert served(following) == "v1"
    following._api = replace(following._api, load=load)
    following.look()
    assert served(following) == "v3"
    assert (tmp_path / BUNDLE).is_dir()
