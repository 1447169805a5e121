"""How fast the generated service answers, against its own floor, in one run.

    uv run benchmarks/serving.py

Renders the tabular project, trains it on a few rows, starts the service and lets one client process ask
it over keep-alive connections: single records, then batches of 1,000. `/health`, which runs the same
server and middleware without a model, is the floor that the model's cost is read against.
"""

import argparse
import http.client
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from projects import SLUG, Project, commit, copy_template, render
from service import Service, serving

HEADERS = {"Content-Type": "application/json"}


def asked(
    service: Service, path: str, body: bytes | None, connections: int, seconds: float
) -> list[float]:
    """Latencies in milliseconds of all requests that were answered within the time."""
    host = service.address.removeprefix("http://")
    until = time.perf_counter() + seconds
    latencies: list[float] = []

    def client() -> None:
        connection = http.client.HTTPConnection(host, timeout=30)
        while (started := time.perf_counter()) < until:
            connection.request("POST" if body else "GET", path, body, HEADERS if body else {})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path} answers {answer.status}.")
            latencies.append(1000 * (time.perf_counter() - started))

    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(latencies)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        template = copy_template(folder / "template")
        commit(template, "Here")
        project = Project(render(template, folder / SLUG, role="tabular"), folder / "venv")
        project.uv("sync", "--quiet", "--compile-bytecode")
        project.run(SLUG, "run", "--set", "data.limit=20000", "--set", "cv.folds=3")
        with serving(project) as service:
            record = service.example()
            single = json.dumps(record).encode()
            batch = json.dumps({"records": [record] * 1000}).encode()
            print(f"resident memory {service.memory() / 2**20:.0f} MiB")
            for connections in (1, 8, 32):
                floor = asked(service, "/health", None, connections, seconds)
                found = asked(service, "/predict", single, connections, seconds)
                print(
                    f"{connections:>2} connections: {len(found) / seconds:6,.0f} records/s, median "
                    f"{found[len(found) // 2]:5.2f} ms; {len(found) / len(floor):.2f} of /health"
                )
            rows = asked(service, "/predict/batch", batch, 1, seconds)
            print(f"batches of 1,000: {1000 * len(rows) / seconds:,.0f} rows/s")


if __name__ == "__main__":
    main()
