"""What writing every prediction down costs the service: with the journal against without, in one run.

    uv run benchmarks/journal.py

Renders the mlops project, trains it on a few rows and starts its service twice, once with the journal
left out. One lean client process asks the two in turn over keep-alive connections, so that what else
the machine does falls on both; figures are medians of the rounds' ratios.
"""

import argparse
import json
import multiprocessing
import os
import selectors
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from projects import SLUG, Project, commit, copy_template, render
from service import Service, serving

FEW = (
    "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, "
    "tuned LightGBM, soft vote]"
)
JOURNALLED = "shared.add_serve(cli, api, recorded)"
CONNECTIONS = (8, 64)
BATCH = 100


class Connection:
    """One kept connection: sends the request, and again as soon as it is answered."""

    def __init__(self, address: tuple[str, int], request: bytes) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request = request
        self.ask()

    def ask(self) -> None:
        self.received = b""
        self.started = time.perf_counter()
        self.socket.sendall(self.request)

    def is_answered(self) -> bool:
        self.received += self.socket.recv(1 << 16)
        head, found, body = self.received.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        return len(body) == int(length)


def ask(address: tuple[str, int], request: bytes, connections: int, seconds: float) -> list[float]:
    """Latencies in milliseconds of all requests that were answered within the time."""
    latencies: list[float] = []
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            connection = Connection(address, request)
            selector.register(connection.socket, selectors.EVENT_READ, connection)
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            for key, _ in selector.select(1):
                if key.data.is_answered():
                    latencies.append(1000 * (time.perf_counter() - key.data.started))
                    key.data.ask()
        for key in list(selector.get_map().values()):
            key.data.socket.close()
    return latencies


def request_of(path: str, content: object) -> bytes:
    """A request as it goes over the wire."""
    body = json.dumps(content).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def cpu_seconds(service: Service) -> float:
    """What the service has used so far (Linux)."""
    fields = Path(f"/proc/{service.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def without_journal(project: Project, place: Path) -> Project:
    """The project, its journal left out of the application that is served."""
    shutil.copytree(project.path, place, symlinks=True)
    path = place / "src" / "my_project" / "cli.py"
    text = path.read_text("utf-8")
    assert JOURNALLED in text
    path.write_text(text.replace(JOURNALLED, "shared.add_serve(cli, api)"), "utf-8")
    return Project(place, project.environment)


@contextmanager
def both(folder: Path) -> Iterator[tuple[Service, Service]]:
    """The two services of a project trained on a few rows."""
    template = copy_template(folder / "template")
    commit(template, "Here")
    project = Project(render(template, folder / SLUG, role="mlops"), folder / "venv")
    project.uv("sync", "--quiet", "--compile-bytecode")
    settings = ("--set", "data.limit=12000", "--set", "cv.folds=3")
    project.run(SLUG, "data", *settings)
    project.run(SLUG, "train", *settings, "--set", FEW)
    plain = without_journal(project, folder / "plain")
    with serving(project) as journalled, serving(plain) as bare:
        yield journalled, bare
    assert list(project.path.glob("data/journal/segments/*"))
    assert not list(plain.path.glob("data/journal/segments/*"))


def disk(folder: Path) -> float:
    """Median milliseconds of one synced write of a record."""
    taken = []
    with (folder / "probe").open("wb", buffering=0) as file:
        for _ in range(200):
            file.write(b"x" * 1000)
            started = time.perf_counter()
            os.fdatasync(file.fileno())
            taken.append(1000 * (time.perf_counter() - started))
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3, help="of each turn")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where to work, on the disk to measure")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as work, both(Path(work)) as services:
        print(f"a synced write of 1,000 bytes: {disk(Path(work)):.2f} ms")
        record = services[0].example()
        single = request_of("/predict", record)
        batch = request_of("/predict/batch", {"records": [record] * BATCH})
        with multiprocessing.get_context("spawn").Pool(1) as client:
            for name, request in (("one record", single), (f"batches of {BATCH}", batch)):
                for connections in CONNECTIONS:
                    rounds = []
                    for number in range(options.rounds + 1):
                        turns = {}
                        for service in services if number % 2 else services[::-1]:
                            host, port = service.address.removeprefix("http://").split(":")
                            before = cpu_seconds(service)
                            given = ((host, int(port)), request, connections, options.seconds)
                            times = client.apply(ask, given)
                            turns[service] = (
                                len(times) / options.seconds,
                                statistics.median(times),
                                1e6 * (cpu_seconds(service) - before) / len(times),
                            )
                        if number:  # the first round warms up
                            rounds.append([turns[service] for service in services])
                    kept, bare = ([statistics.median(v) for v in zip(*side, strict=True)]
                                  for side in zip(*rounds, strict=True))  # fmt: skip
                    ratios = sorted(with_it[0] / without[0] for with_it, without in rounds)
                    print(
                        f"{name}, {connections} connections: {kept[0]:,.0f} requests/s against "
                        f"{bare[0]:,.0f} without the journal, {statistics.median(ratios):.2f} of it "
                        f"({ratios[0]:.2f} to {ratios[-1]:.2f}); p50 {kept[1]:.2f} against "
                        f"{bare[1]:.2f} ms; CPU {kept[2]:,.0f} against {bare[2]:,.0f} us"
                    )


if __name__ == "__main__":
    main()
