"""A generated project's service, started on a free port of this machine."""

import contextlib
import json
import os
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from projects import SLUG, Project, clean_environment

SECONDS_TO_START = 60


class Service:
    """A running service; `get` and `post` give status and JSON."""

    def __init__(self, port: int, process: subprocess.Popen) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.process = process

    def get(self, path: str) -> tuple[int, Any]:
        return self._ask(urllib.request.Request(self.address + path))

    def post(self, path: str, content: object) -> tuple[int, Any]:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"}
        return self._ask(urllib.request.Request(self.address + path, body, headers))

    def upload(self, path: str, content: bytes, field: str = "file") -> tuple[int, Any]:
        """Post a file as a browser's form does."""
        edge = "a-line-that-no-picture-holds"
        head = f'--{edge}\r\nContent-Disposition: form-data; name="{field}"; filename="picture"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
        return self._ask(urllib.request.Request(self.address + path, body, headers))

    def example(self) -> dict[str, Any]:
        """The record that the API's own documentation shows."""
        _, api = self.get("/openapi.json")
        body = api["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
        return next(iter(body["examples"].values()))["value"]

    def typed(self, project: Project) -> list[Any]:
        """What the README's examples of the API answer, typed as they stand but for the port."""
        readme = (project.path / "README.md").read_text("utf-8")
        block = readme.partition("<!-- example:start -->")[2].partition("<!-- example:end -->")[0]
        commands = re.findall(r"^curl .*$", block, re.MULTILINE)
        assert commands, block
        with tempfile.TemporaryDirectory() as home:
            Path(home, ".curlrc").write_text("silent\nshow-error\nfail-with-body\n")
            return [self._typed(each, project.path, home) for each in commands]

    def _typed(self, command: str, folder: Path, home: str) -> Any:
        here = command.replace("http://127.0.0.1:8000", self.address)
        assert here != command
        done = subprocess.run(
            ["sh", "-c", here],
            cwd=folder,
            env={**os.environ, "CURL_HOME": home},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, (here, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def memory(self) -> int:
        """Resident bytes of the process and its children (Linux)."""
        total = 0
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                fields = dict(
                    line.split(":\t", 1)
                    for line in status.read_text().splitlines()
                    if ":\t" in line
                )
                if self.process.pid in (int(fields["Pid"]), int(fields["PPid"])):
                    total += int(fields["VmRSS"].split()[0]) * 1024
        return total

    def _ask(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, content = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        try:
            return status, json.loads(content)
        except ValueError:
            return status, content.decode()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def serving(project: Project, *arguments: str, **env: str) -> Iterator[Service]:
    """The service of a project, stopped in the end."""
    port = free_port()
    variables = clean_environment(PYTHONPATH=str(project.path / "src"), **env)
    command = [str(project.bin / SLUG), "serve", "--port", str(port), *arguments]
    log = (project.path / "service.log").open("wb")
    process = subprocess.Popen(command, cwd=project.path, env=variables, stdout=log, stderr=log)
    service = Service(port, process)
    try:
        for _ in range(SECONDS_TO_START * 10):
            if process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                service.get("/health")
                break
            time.sleep(0.1)
        else:
            raise AssertionError("The service does not answer.")
        if process.poll() is not None:
            raise AssertionError((project.path / "service.log").read_text())
        yield service
    finally:
        process.terminate()
        process.wait(30)
        log.close()
