"""The replay's service ends with its replay, and by itself without a fault of the interpreter."""

import subprocess
import sys
import time

from toolkit.replay import live_service


def started(*module: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", live_service._ATTENDED, *module]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, bufsize=1)


def test_a_service_that_ends_by_itself_ends_well():
    with started("this") as process:
        assert "Beautiful" in process.stdout.read()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_service_whose_replay_is_gone_is_told_to_end():
    with started("http.server", "--bind", "127.0.0.1", "0") as process:
        while "Serving" not in process.stdout.readline():
            time.sleep(0.1)
        assert process.poll() is None
        process.stdin.close()
        process.wait(30)
