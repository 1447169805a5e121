"""`make demo`: render the tabular project beside the checkout, run all stages, ask it one flight."""

import argparse
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import copier

ROOT = Path(__file__).resolve().parent.parent
SLUG = "my-project"
SECONDS_TO_START = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dest", type=Path, default=ROOT.parent / "mlstart-demo")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    project = options.dest.resolve()
    if (project / ".copier-answers.yml").exists():
        print(f"==> Using the project in {project}; delete it for a fresh one", flush=True)
    elif project.exists() and any(project.iterdir()):
        sys.exit(f"{project} holds something else. Move it, or name another folder: --dest.")
    else:
        print(f"==> Writing the project to {project}", flush=True)
        copier.run_copy(
            str(ROOT), project, data={"role": "tabular"}, defaults=True, quiet=True, vcs_ref="HEAD"
        )
    run(project, "sync", "--quiet", "--compile-bytecode")
    overrides = [argument for pair in options.set for argument in ("--set", pair)]
    run(project, "run", SLUG, "run", *overrides)
    ask(project)
    print(f"==> The report: {project / 'reports' / 'report.html'}")
    print(f"==> The model card: {project / 'MODEL_CARD.md'}")


def run(project: Path, *arguments: str) -> None:
    """Run uv in the project, with its output in sight; leave when it fails."""
    print(f"==> uv {shlex.join(arguments)}", flush=True)
    status = subprocess.run([uv(), *arguments], cwd=project, env=environment()).returncode
    if status:
        sys.exit(status)


def uv() -> str:
    """Return the uv that runs this; `make` names it."""
    return os.environ.get("UV", "uv")


def environment() -> dict[str, str]:
    """Return the environment without this script's own virtual environment."""
    return {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}


def ask(project: Path) -> None:
    """Start the service, post the example flight of its documentation, print the answer, stop."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [uv(), "run", SLUG, "serve", "--port", str(port)]
    print(f"==> {shlex.join(command)}", flush=True)
    with subprocess.Popen(command, cwd=project, env=environment()) as service:
        try:
            wait(address, service)
            record = example(json.loads(fetch(f"{address}/openapi.json")))
            print(f"==> POST {address}/predict\n{json.dumps(record, indent=2, ensure_ascii=False)}")
            answer = json.loads(fetch(f"{address}/predict", record))
            print(f"==> The answer\n{json.dumps(answer, indent=2, ensure_ascii=False)}")
        finally:
            service.send_signal(signal.SIGTERM)
            service.wait(30)


def wait(address: str, service: subprocess.Popen) -> None:
    """Wait until the service has loaded its model."""
    for _ in range(SECONDS_TO_START * 5):
        if service.poll() is not None:
            sys.exit("The service stopped; its words are above.")
        try:
            fetch(f"{address}/ready")
        except OSError:
            time.sleep(0.2)
        else:
            return
    sys.exit(f"The service was not ready after {SECONDS_TO_START} seconds.")


def fetch(url: str, record: object = None) -> bytes:
    """GET a page, or POST a record as JSON."""
    body = None if record is None else json.dumps(record).encode()
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as response:
        return response.read()


def example(openapi: dict) -> object:
    """Return the example the documentation gives for one prediction."""
    content = openapi["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    return next(iter(content["examples"].values()))["value"]


if __name__ == "__main__":
    main()
