"""An S3 server of our own, started on free ports of this machine."""

import contextlib
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from projects import Project
from service import free_port

SECONDS_TO_START = 60


@dataclass(frozen=True)
class Bucket:
    """A bucket, and who may use it."""

    endpoint: str
    name: str
    key: str
    secret: str

    @property
    def credentials(self) -> dict[str, Any]:
        """As the variables that every S3 client reads."""
        return {"AWS_ACCESS_KEY_ID": self.key, "AWS_SECRET_ACCESS_KEY": self.secret}

    def create(self, project: Project) -> None:
        """Make it on the server, by the S3 client that a project with the extra has."""
        script = "import sys, s3fs; s3fs.S3FileSystem(endpoint_url=sys.argv[1]).mkdir(sys.argv[2])"
        project.run("python", "-c", script, self.endpoint, self.name, **self.credentials)


@contextlib.contextmanager
def bucket(folder: Path, project: Project | None = None) -> Iterator[Bucket]:
    """An empty bucket on a server that keeps its files in `folder`; stopped in the end.

    Without a project that can make it, it is made when something is first put there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    made = Bucket(f"http://127.0.0.1:{free_port()}", "models", "keeper", "a secret of the tests")
    identity = {
        "name": made.key,
        "credentials": [{"accessKey": made.key, "secretKey": made.secret}],
        "actions": ["Admin", "Read", "List", "Tagging", "Write"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
    ports = {name: free_port() for name in PORTS} | {"s3.port": int(made.endpoint.split(":")[-1])}
    command = [str(Path(sys.executable).parent / "weed"), "server", "-s3", *OPTIONS]
    command += [f"-dir={folder}", f"-s3.config={folder / 's3.json'}"]
    command += [f"-{name}={port}" for name, port in ports.items()]
    command += [f"-{name}.localSocket={folder / name}.sock" for name in ("filer", "s3")]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            _wait(made.endpoint, process, folder / "server.log")
            if project is not None:
                made.create(project)
            yield made
        finally:
            process.kill()  # asked politely, it takes 16 seconds
            process.wait(30)


PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
)
OPTIONS = (
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=64",
    "-volume.max=50",
    "-volume.preStopSeconds=1",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
)


def _wait(endpoint: str, process: subprocess.Popen, log: Path) -> None:
    """Until the server answers, which without credentials is a refusal."""
    for _ in range(SECONDS_TO_START * 10):
        assert process.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(endpoint, timeout=5)
        except urllib.error.HTTPError as refused:
            if refused.code == 403:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(log.read_text())
