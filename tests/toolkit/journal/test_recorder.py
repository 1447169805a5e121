"""A full disk loses no acknowledged row and leaves no heap of empty segments; a clock may go back."""

import asyncio
import errno
import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient
from layers import params_yaml
from mlops.settings import PROJECT
from small_model import FLIGHT, application, save_bundle
from toolkit.journal import journal, labels, recorder
from toolkit.operations.settings import Journal
from toolkit.serving.limits import Limits

ANSWER = b'{"prediction": true, "model_version": "v1", "needs_review": false}'


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.delenv("JOURNAL_DIR", raising=False)
    (tmp_path / "params.yaml").write_text(params_yaml("mlops"), "utf-8")
    return replace(PROJECT, root=tmp_path)


def segments(project):
    return sorted((recorder.folder_of(project) / recorder.SEGMENTS).glob("*"))


def written(project, count: int, disk, waits: bool = False) -> list[bool]:
    """Whether each of `count` records was acknowledged, written one after the other."""

    async def write() -> list[bool]:
        writer = recorder.Writer(
            recorder.folder_of(project), Journal(sync_seconds=0 if waits else 0.01)
        )
        found = []
        for number in range(count):
            disk(number)
            line = recorder.line_of(f"row-{number}", "/predict", 1.0, b'{"a": 1}', ANSWER)
            try:
                writer.write(line)
            except OSError:
                found.append(False)
                continue
            found.append(await writer.synced() is None if waits else True)
        return found

    return asyncio.run(write())


@pytest.mark.parametrize("waits", [False, True], ids=["synced later", "synced first"])
@pytest.mark.parametrize("begins_full", [False, True])
def test_on_a_full_disk_what_was_acknowledged_is_kept(project, monkeypatch, begins_full, waits):
    """The disk takes half a line more at first, then nothing, then all again."""
    real, state = os.write, {}

    def write(handle, content):
        if not state["full"]:
            return real(handle, content)
        if state.pop("room", None):
            return real(handle, bytes(content)[: len(content) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    def disk(number):
        full = (0 if begins_full else 3) <= number < 10
        state.update(full=full, room=full and number in (3, 4))

    monkeypatch.setattr(recorder.os, "write", write)
    acknowledged = written(project, 12, disk, waits)
    monkeypatch.undo()
    assert acknowledged == [not begins_full] * 3 + [False] * 7 + [True] * 2
    kept = {f"row-{number}" for number, done in enumerate(acknowledged) if done}
    assert kept <= set(journal.read(project)["id"])
    assert len(segments(project)) == (1 if begins_full else 2)
    assert all(path.stat().st_size for path in segments(project))


def test_the_clock_goes_back_and_no_segment_is_written_over(project, monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 1, 1, tzinfo=tz)

    monkeypatch.setattr(recorder, "datetime", Clock)
    for _ in range(3):
        assert written(project, 2, lambda number: None) == [True, True]
    assert len(segments(project)) == 3
    assert journal.read(project)["id"].tolist() == ["row-0", "row-1"]  # the same answers, once


def test_of_two_labels_the_later_counts_though_the_clock_went_back(project):
    frame = labels.pd.DataFrame
    labels.add(project, frame({"id": ["a"], "label": [True]}), now=datetime(2026, 3, 2, tzinfo=UTC))
    again = frame({"id": ["a"], "label": [False]})
    report = labels.add(project, again, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert report["conflicting"]["ids"] == ["a"]
    assert labels.latest(project)["label"].tolist() == ["false"]


def test_a_group_that_waits_shares_a_sync(project, monkeypatch):
    synced = []
    monkeypatch.setattr(recorder, "_SYNC", lambda handle: (time.sleep(0.02), synced.append(handle)))

    async def write() -> list[OSError | None]:
        writer = recorder.Writer(recorder.folder_of(project), Journal(sync_seconds=0))

        async def one(number):
            await asyncio.sleep(0.005 * (number >= 10))  # half come while the first half is synced
            writer.write(recorder.line_of(f"row-{number}", "/predict", 1.0, b"{}", ANSWER))
            return await writer.synced()

        return await asyncio.gather(*map(one, range(20)))

    assert asyncio.run(write()) == [None] * 20
    assert len(synced) == 2


def test_a_disk_that_does_not_sync_is_said_and_left_for_a_new_file(project, monkeypatch, caplog):
    def broken(handle):
        raise OSError(errno.EIO, "Input/output error")

    writer = recorder.Writer(recorder.folder_of(project), Journal(sync_seconds=0))
    line = recorder.line_of("row", "/predict", 1.0, b"{}", ANSWER)
    writer.write(line)
    monkeypatch.setattr(recorder, "_SYNC", broken)
    assert writer.sync() is not None
    assert "1 records may not survive" in caplog.text
    monkeypatch.undo()
    writer.write(line)
    assert writer.sync() is None
    assert len(segments(project)) == 2


def test_a_disk_that_is_behind_is_full_until_it_has_caught_up(project):
    writer = recorder.Writer(recorder.folder_of(project), Journal(sync_seconds=0, max_pending=2))
    line = recorder.line_of("row", "/predict", 1.0, b"{}", ANSWER)
    for full in (False, True):
        writer.write(line)
        assert writer.is_full == full
    writer.sync()
    assert not writer.is_full


@pytest.mark.parametrize("seconds", [0, 0.2])
def test_an_answer_is_in_the_journal_under_the_id_it_carries(tmp_path, project, seconds):
    app = application(save_bundle(tmp_path / "bundle"), Limits())
    place = recorder.folder_of(project)
    recorded = recorder.Recorder(app, place, Journal(sync_seconds=seconds))
    client = TestClient(recorded)
    columns = {"columns": {name: [value] * 2 for name, value in FLIGHT.items()}}
    answers = [
        client.post("/predict", json=FLIGHT),
        client.post("/predict", json=FLIGHT, headers={"X-Request-ID": "mine"}),
        client.post("/predict/batch", json={"records": [FLIGHT]}),
        client.post("/predict/batch", json=columns),
        client.post("/predict", json={}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 200, 422]
    ids = [answer.headers.get_list("X-Request-ID") for answer in answers]
    assert [len(each) for each in ids] == [1] * 5
    assert ids[1] == ["mine"]
    single, named, batch, by_column, _ = (each for (each,) in ids)
    rows = journal.read(project)
    expected = [single, named, f"{batch}/1", f"{by_column}/1", f"{by_column}/2"]
    assert rows["id"].tolist() == expected
    assert rows["in:distance"].tolist() == [900] * 5


def test_what_cannot_be_written_down_is_not_answered(tmp_path, project, monkeypatch, caplog):
    app = application(save_bundle(tmp_path / "bundle"), Limits())
    client = TestClient(recorder.Recorder(app, recorder.folder_of(project), Journal()))
    real = os.write

    def full(handle, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recorder.os, "write", full)
    for _ in range(2):
        refused = client.post("/predict", json=FLIGHT)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        assert refused.headers["X-Content-Type-Options"] == "nosniff"
    assert caplog.text.count("not written down") == 1  # and not once a request
    monkeypatch.setattr(recorder.os, "write", real)
    assert client.post("/predict", json=FLIGHT).status_code == 200
    assert "written down again" in caplog.text
    line = segments(project)[0].read_bytes().partition(b" ")[2]
    assert json.loads(line)["request"] == FLIGHT


def asked_directly(recorded, name: str, body: bytes | None = None):
    """What the service answers in one call, without ASGI's messages."""
    headers = [(b"content-type", b"application/json"), (b"x-request-id", name.encode())]
    scope = {"path": "/predict", "method": "POST", "headers": headers}

    async def ask():
        return recorded.direct(
            scope, json.dumps(FLIGHT, indent=1).encode() if body is None else body
        )

    return asyncio.run(ask())


def test_an_answer_in_one_call_is_in_the_journal_too(tmp_path, project):
    app = application(save_bundle(tmp_path / "bundle"), Limits())
    recorded = recorder.Recorder(app, recorder.folder_of(project), Journal())
    answer = asked_directly(recorded, "mine")
    assert answer.status == 200
    assert asked_directly(recorded, "bad", b"{}") is None  # FastAPI says why
    rows = journal.read(project)
    assert rows["id"].tolist() == ["mine"]
    assert rows["prediction"].tolist() == [json.loads(answer.content)["prediction"]]
    waits = recorder.Recorder(app, recorder.folder_of(project), Journal(sync_seconds=0))
    assert waits.direct is None


@pytest.mark.parametrize("required", [True, False])
def test_in_one_call_too_what_cannot_be_written_down_is_not_answered(
    tmp_path, project, monkeypatch, required
):
    app = application(save_bundle(tmp_path / "bundle"), Limits())
    recorded = recorder.Recorder(app, recorder.folder_of(project), Journal(required=required))

    def full(record):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(recorded, "_write", full)
    answer = asked_directly(recorded, "lost")
    assert (answer.status, answer.name) == (503 if required else 200, b"lost")
    assert (b"retry-after", b"1") in answer.headers or not required
    monkeypatch.setattr(recorder.Writer, "is_full", property(lambda writer: True))
    assert required == (
        asked_directly(recorded, "late") is None
    )  # it is refused before it is asked
