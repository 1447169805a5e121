"""Files are written whole or not at all."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from toolkit.project import files
from toolkit.project.errors import UserError


def test_a_full_disk_leaves_the_earlier_file(tmp_path, monkeypatch):
    path = tmp_path / "ladder.json"
    files.write_json(path, {"a": 1})

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="No space left"):
        files.write_json(path, {"a": 2})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_not_a_number_is_refused(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_a_missing_file_names_the_command(tmp_path):
    with pytest.raises(UserError, match="Run `train` first"):
        files.read_json(tmp_path / "ladder.json", "train")


def test_a_replacement_that_was_killed_half_way_is_undone(tmp_path):
    target = tmp_path / "current"
    (tmp_path / "current.previous").mkdir()
    (tmp_path / "current.previous" / "metadata.json").write_text("{}")
    assert (files.restore_folder(target) / "metadata.json").exists()


@pytest.mark.parametrize(
    "seconds", [0.5, *(pytest.param(0.3 + i / 50, marks=pytest.mark.long) for i in range(50))]
)
def test_a_killed_writer_leaves_a_whole_folder(tmp_path, seconds):
    script = (
        "import pathlib, itertools\n"
        "from toolkit.project import files\n"
        f"base = pathlib.Path({str(tmp_path)!r})\n"
        "for i in itertools.count():\n"
        "    new = base / 'new'; new.mkdir()\n"
        "    (new / 'a').write_text(str(i)); (new / 'b').write_text(str(i))\n"
        "    files.replace_folder(new, base / 'current')\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", script])
    while not (tmp_path / "current").exists():
        time.sleep(0.01)
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    current = files.restore_folder(tmp_path / "current")
    assert (current / "a").read_text() == (current / "b").read_text() != ""


WAITS = """
import logging, pathlib, sys
from toolkit.project import files
logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(message)s")
with files.alone(pathlib.Path(sys.argv[1]), "train"):
    print("has it", flush=True)
    sys.stdin.read()
"""


def starts(root):
    command = [sys.executable, "-c", WAITS, str(root)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )


def test_of_two_commands_the_second_waits_and_says_so(tmp_path):
    with starts(tmp_path) as first:
        assert first.stdout.readline() == "has it\n"
        with starts(tmp_path) as second:
            said = second.stdout.readline()
            assert said == "Waiting for `train`, which is at work in this project.\n"
            first.kill()  # the lock falls with its process
            assert second.stdout.readline() == "has it\n"
            second.stdin.close()


def test_what_a_killed_command_left_half_written_is_removed(tmp_path):
    (tmp_path / "models" / f"{files.NEW}abc").mkdir(parents=True)
    (tmp_path / "models" / f"{files.NEW}abc" / "model.onnx").write_bytes(b"half")
    (tmp_path / "models" / "current").mkdir()
    (tmp_path / "reports").mkdir()
    old, fresh = (tmp_path / "reports" / f"{files.NEW}{name}" for name in ("old", "fresh"))
    old.write_bytes(b"half")
    fresh.write_bytes(b"being written by a command that needs no lock")
    os.utime(old, (0, 0))
    with files.alone(tmp_path, "run"):
        pass
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["current"]
    assert list((tmp_path / "reports").iterdir()) == [fresh]
