"""An MLflow server of our own, started on a free port of this machine."""

import contextlib
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from projects import clean_environment
from service import free_port


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """The address of an MLflow server with a store of its own, stopped in the end."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = f"tool run --from mlflow>=3.0 mlflow server --port {port} --workers 1".split()
    stores = ["--backend-store-uri", f"sqlite:///{folder}/store.db"]
    stores += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "mlflow.log").open("wb") as log:
        process = subprocess.Popen(
            [os.environ.get("UV", "uv"), *command, *stores],
            cwd=folder,
            env=clean_environment(MLFLOW_DISABLE_TELEMETRY="true"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            for _ in range(1800):
                assert process.poll() is None, (folder / "mlflow.log").read_text()
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"{address}/health", timeout=5)
                    break
                time.sleep(0.1)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
