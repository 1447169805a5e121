"""How fast the generated service answers, beside two others of the same model, in one run.

    uv run benchmarks/serving.py

Renders the tabular project, trains it on a few rows and starts three services of the same columns: the project's
own with everything on, FastAPI's answer with a constant (the same record validated, the same answer documented),
and what a tutorial writes (FastAPI, a pandas frame, a scikit-learn pipeline around the same kind of booster). `wrk`
asks them in turn, so that what else the machine does falls on all; the server has one core, wrk the other.
Figures are medians of the rounds' ratios, and CPU time a request, which other work disturbs least. With `--frameworks`,
`mlflow models serve`, BentoML and LitServe answer with the tutorial's pipeline too, the last two in batches.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from projects import PACKAGE, SLUG, Project, clean_environment, commit, copy_template, render
from service import Service, free_port, serving

FEW = (
    "ladder.skip=[decision tree, random forest, histogram gradient boosting, dense network, "
    "tuned LightGBM, soft vote]"
)
CONSTANT = f"""
import json
from pathlib import Path
from fastapi import FastAPI
from pydantic import create_model
from {PACKAGE}.api import response_model
from {PACKAGE}.toolkit.profiling.schema import Schema, record_model
from {PACKAGE}.toolkit.serving.api import Answered

schema = Schema.from_json(json.loads(Path("models/current/metadata.json").read_text())["schema"])
Record = record_model(schema)
Prediction = create_model("Prediction", __base__=(response_model(schema), Answered))
ANSWER = json.loads(Path("answer.json").read_text())
app = FastAPI()

@app.post("/predict", response_model=Prediction)
async def predict(record: Record):
    return ANSWER

@app.get("/health")
async def health():
    return "well"
"""
TUTORIAL = """
import joblib
import pandas as pd
from typing import Any
from fastapi import FastAPI

pipeline = joblib.load("pipeline.joblib")
app = FastAPI()

def told(frame):
    return [{"prediction": bool(p[1] > 0.5), "probabilities": {"false": p[0], "true": p[1]}}
            for p in pipeline.predict_proba(frame).tolist()]

@app.post("/predict")
def predict(record: dict[str, Any]):
    return told(pd.DataFrame([record]))[0]

@app.post("/predict/batch")
def predict_batch(body: dict[str, list[dict[str, Any]]]):
    return {"predictions": told(pd.DataFrame(body["records"]))}

@app.get("/health")
def health():
    return "well"
"""
FIT = f"""
import json, joblib, pandas as pd
from lightgbm import LGBMClassifier
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from pathlib import Path
from {PACKAGE}.toolkit.tables.dataset import read_schema

schema, frame = read_schema(Path()), pd.read_parquet("data/train.parquet")
asked = [c for c in schema.columns if not c.lookup]
numbers = [c.name for c in asked if c.kind == "number"]
categories = [c.name for c in asked if c.kind == "category"]
pipeline = make_pipeline(
    make_column_transformer(
        (SimpleImputer(), numbers),
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
         categories)),
    LGBMClassifier(n_jobs=1, verbose=-1))
pipeline.fit(frame[numbers + categories], frame[schema.target.name])
joblib.dump(pipeline, "pipeline.joblib")
"""
MLFLOW = """
import joblib, mlflow
mlflow.sklearn.save_model(joblib.load("pipeline.joblib"), "mlflow-model", serialization_format="cloudpickle",
                          pyfunc_predict_fn="predict_proba", pip_requirements=["scikit-learn"])
"""
BENTOML = """
import bentoml, joblib
import pandas as pd
from typing import Any

@bentoml.service(workers=1)
class Late:
    def __init__(self) -> None:
        self.pipeline = joblib.load("pipeline.joblib")

    @bentoml.api(batchable=True, max_batch_size=64, max_latency_ms=1000)
    def predict(self, records: list[dict[str, Any]]) -> list[list[float]]:
        return self.pipeline.predict_proba(pd.DataFrame(records)).tolist()
"""
LITSERVE = """
import joblib, sys
import litserve
import pandas as pd

class Late(litserve.LitAPI):
    def setup(self, device):
        self.pipeline = joblib.load("pipeline.joblib")

    def predict(self, records):
        return self.pipeline.predict_proba(pd.DataFrame(records)).tolist()

if __name__ == "__main__":
    server = litserve.LitServer(Late(max_batch_size=64, batch_timeout=0.002), accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="warning")
"""
CROWD = f"""
import json, sys, time
from {PACKAGE}.toolkit.benchmark import load
port, connections, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
request = load.request_of("/predict", "application/json", open("record.json", "rb").read())
found = load.ask(("127.0.0.1", port), [request], connections, seconds)
took = sorted(found.milliseconds)
print(json.dumps({{"statuses": dict(found.statuses), "p50": took[len(took) // 2],
                   "p99": took[len(took) * 99 // 100], "seconds": found.seconds}}))
"""

Asked: TypeAlias = dict[str, tuple[str, bytes]]  # by name, the path and the body


@contextlib.contextmanager
def other(project: Project, name: str, code: str) -> Iterator[Service]:
    """A service of somebody else, by the same server."""
    (project.path / f"{name}.py").write_text(code, "utf-8")
    quiet = ("--no-access-log", "--log-level", "warning")
    with started(project, "/health", "uvicorn", f"{name}:app", "--port", "PORT", *quiet) as service:
        yield service


@contextlib.contextmanager
def started(project: Project, health: str, module: str, *arguments: str) -> Iterator[Service]:
    """What a module of Python serves once `health` is answered, on one core with all its processes."""
    port = free_port()
    given = [each.replace("PORT", str(port)) for each in arguments]
    command = ["taskset", "-c", "0", project.bin / "python", "-m", module, *given]
    env = clean_environment(PYTHONPATH=str(project.path / "src"), OMP_NUM_THREADS="1")
    env["PATH"] = os.pathsep.join([str(project.bin), env["PATH"]])
    with (project.path / f"{module}.log").open("w") as log:
        process = subprocess.Popen(command, cwd=project.path, env=env, stdout=log, stderr=log)
    service = Service(port, process)
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError):
                if service.get(health)[0] == 200:
                    break
            time.sleep(0.05)
        yield service
    finally:
        for each in family(process.pid):  # not all of them end with the first
            os.kill(each, signal.SIGTERM)
        process.wait(30)


@contextlib.contextmanager
def frameworks(project: Project, record: dict) -> Iterator[tuple[dict[str, Service], Asked]]:
    """Three frameworks with the tutorial's pipeline, and what each is asked."""
    project.uv(
        "pip", "install", "--quiet", "--python", str(project.bin / "python"), "bentoml", "litserve"
    )
    for name, code in {"bentoml_late": BENTOML, "litserve_late": LITSERVE}.items():
        (project.path / f"{name}.py").write_text(code, "utf-8")
    project.run(project.bin / "python", "-c", MLFLOW)
    local = ("--env-manager", "local", "--workers", "1")
    with (
        started(
            project,
            "/ping",
            "mlflow",
            "models",
            "serve",
            "-m",
            "mlflow-model",
            "-p",
            "PORT",
            *local,
        ) as one,
        started(project, "/healthz", "bentoml", "serve", "bentoml_late:Late", "-p", "PORT") as two,
        started(project, "/health", "litserve_late", "PORT") as three,
    ):
        asked: Asked = {
            "mlflow": ("/invocations", json.dumps({"dataframe_records": [record]}).encode()),
            "bentoml": ("/predict", json.dumps({"records": [record]}).encode()),
            "litserve": ("/predict", json.dumps(record).encode()),
        }
        yield {"mlflow": one, "bentoml": two, "litserve": three}, asked


def pin(process: int, core: int) -> None:
    """Keep a process, threads included, on one core."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def family(process: int) -> list[int]:
    """A process and those it started (Linux)."""
    threads = Path(f"/proc/{process}/task").iterdir()
    children = [int(child) for each in threads for child in (each / "children").read_text().split()]
    return [process, *(one for child in children for one in family(child))]


def cpu_seconds(service: Service) -> float:
    """What the service has used so far, with all its processes."""
    used = 0
    for process in family(service.process.pid):
        fields = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def wrk(
    service: Service, folder: Path, path: str, body: bytes, connections: int, seconds: int
) -> dict[str, float]:
    """Requests a second, latencies in milliseconds, and the service's CPU microseconds a request."""
    (folder / "body").write_bytes(body)
    script = folder / "post.lua"
    script.write_text(
        f'wrk.method = "POST"\nwrk.body = io.open("{folder}/body"):read("*a")\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
    )
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    before = cpu_seconds(service)
    said = subprocess.run(
        [*command, "--timeout", "20s", "-s", script, service.address + path],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    used = cpu_seconds(service) - before
    if "Non-2xx" in said:
        raise SystemExit(said)
    count = int(re.search(r"(\d+) requests in", said)[1])
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3}
    latency = {
        f"p{share}": float(value) * unit[which]
        for share, value, which in re.findall(r"(\d+)%\s+([\d.]+)(us|ms|s)\s", said)
    }
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    return {"rate": rate, "cpu": 1e6 * used / max(count, 1), **latency}


def compare(
    services: dict[str, Service],
    folder: Path,
    asked: Asked,
    connections: int,
    seconds: int,
    rounds: int,
) -> None:
    """Ask in turn; print the first's medians and its ratios to each other one."""
    names = list(asked)
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    for _ in range(rounds):
        for name in names:
            service = services[name.partition(",")[0]]
            found[name].append(wrk(service, folder, *asked[name], connections, seconds))
    middle = {
        name: {key: statistics.median(each[key] for each in turns) for key in turns[0]}
        for name, turns in found.items()
    }
    print(f"{asked[names[0]][0]}, {connections} connections")
    for name in names:
        rates = [
            own["rate"] / its["rate"] for own, its in zip(found[names[0]], found[name], strict=True)
        ]
        mine, its = middle[names[0]], middle[name]
        print(
            f"  {name}: {its['rate']:,.1f} requests/s, p50 {its['p50']:.2f} ms, p99 {its['p99']:.2f} ms, CPU "
            f"{its['cpu']:,.0f} us; {names[0]} is {statistics.median(rates):.2f} times as fast "
            f"({min(rates):.2f} to {max(rates):.2f}), {its['cpu'] / mine['cpu']:.2f} by CPU"
        )


def crowd(project: Project, service: Service, connections: int, seconds: float) -> dict:
    """What so many closed connections are answered, by the project's own load."""
    port = service.address.rpartition(":")[2]
    command = [project.bin / "python", "-c", CROWD, port, str(connections), str(seconds)]
    env = clean_environment(PYTHONPATH=str(project.path / "src"))
    done = subprocess.run(
        command, cwd=project.path, env=env, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def overload(project: Project, service: Service) -> None:
    """Eight callers alone, then eight times as many as are worked on at a time, then eight again."""
    alone, before = crowd(project, service, 8, 3), service.memory()
    many = crowd(project, service, 512, 10)
    started = time.perf_counter()
    assert service.get("/health")[0] == 200
    recovered, grown = time.perf_counter() - started, service.memory() - before
    again = crowd(project, service, 8, 3)
    refused = many["statuses"].get("503", 0)
    print(
        f"512 connections without a pause: {many['statuses']['200'] / many['seconds']:,.0f} answered a second, "
        f"{refused / many['seconds']:,.0f} refused with 503; of those answered p99 {many['p99']:.1f} ms, "
        f"{many['p99'] / alone['p99']:.1f} times that of 8 connections; /health afterwards in "
        f"{1000 * recovered:.0f} ms; p99 at 8 again {again['p99'] / alone['p99']:.1f} times; memory "
        f"{grown / 2**20:+.1f} MiB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=3, help="of each turn")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--frameworks", action="store_true", help="MLflow, BentoML, LitServe too")
    parser.add_argument("--environment", type=Path, help="that has the project's packages")
    options = parser.parse_args()
    turn = {"seconds": options.seconds, "rounds": options.rounds}
    with tempfile.TemporaryDirectory() as work, contextlib.ExitStack() as stack:
        folder = Path(work)
        template = copy_template(folder / "template")
        commit(template, "Here")
        environment = options.environment or folder / "venv"
        project = Project(render(template, folder / SLUG, role="tabular"), environment)
        if not options.environment:
            project.uv("sync", "--quiet", "--compile-bytecode")
        for stage in ("data", "train"):
            few = ["--set", "data.limit=20000", "--set", "cv.folds=3"]
            project.run(SLUG, stage, *few, "--set", FEW)
        project.run(project.bin / "python", "-c", FIT)
        started = time.perf_counter()
        own = stack.enter_context(serving(project))
        print(f"start to first answer {time.perf_counter() - started:.1f} s")
        record = own.example()
        single = json.dumps(record).encode()
        (project.path / "record.json").write_bytes(single)
        (project.path / "answer.json").write_text(json.dumps(own.post("/predict", record)[1]))
        services = {
            "ours": own,
            "constant": stack.enter_context(other(project, "constant", CONSTANT)),
            "tutorial": stack.enter_context(other(project, "tutorial", TUTORIAL)),
        }
        asked: Asked = dict.fromkeys(services, ("/predict", single))
        if options.frameworks:
            others = Project(project.path, folder / "others")
            others.uv("sync", "--quiet", "--compile-bytecode")
            more, so = stack.enter_context(frameworks(others, record))
            services, asked = services | more, asked | so
        for name, service in services.items():
            path, body = asked[name]
            status, said = service.post(path, json.loads(body))
            assert status == 200, said
            print(f"{name}: {json.dumps(said)[:200]}")
        pin(own.process.pid, 0)
        print(
            ", ".join(f"{name} {each.memory() / 2**20:.0f} MiB" for name, each in services.items())
        )
        for connections in (8, 32):
            compare(services, folder, asked, connections, **turn)
        rows = json.dumps({"records": [record] * 1000}).encode()
        columns = json.dumps({"columns": {name: [value] * 1000 for name, value in record.items()}})
        bodies = {"ours": rows, "ours, by column": columns.encode(), "tutorial": rows}
        batches = {name: ("/predict/batch", body) for name, body in bodies.items()}
        compare(services, folder, batches, 2, **turn)
        overload(project, own)


if __name__ == "__main__":
    main()
