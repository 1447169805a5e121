"""Pictures a second through the generated cv service, against bare ONNX Runtime, in one run.

    uv run benchmarks/images.py

Renders the cv project, trains only the frozen network on a few sample pictures, and asks the service
over 8 connections that stay open. Each round measures both, so that the ratio holds on a busy machine
too; the asking process shares the cores with the service.
"""

import http.client
import json
import sys
import tempfile
import threading
import time
import urllib.parse
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from projects import SLUG, Project, commit, copy_template, render
from service import Service, serving

PICTURES = 400
ROUNDS = 6
SKIPPED = [
    "logistic regression on pixels",
    "SVM on HOG",
    "small CNN",
    "small CNN, augmented",
    "SVM on frozen efficientnet-lite0",
    "fine-tuned efficientnet-lite0",
]
BARE = """
import concurrent.futures, os, time, numpy, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession("models/current/backbone.onnx", options)
picture = numpy.zeros((1, 3, 224, 224), numpy.float32)
def one(_): session.run(None, {"pixels": picture})
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    list(pool.map(one, range(40)))
    started = time.perf_counter()
    list(pool.map(one, range(400)))
print(400 / (time.perf_counter() - started))
"""


def served(service: Service, content: bytes) -> float:
    """Answers a second over 8 connections."""
    edge = "a-line-that-no-picture-holds"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="picture"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={edge}"}
    wrong = []

    def client() -> None:
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(service.address).netloc)
        for _ in range(PICTURES // 8):
            connection.request("POST", "/predict", body, headers)
            answer = connection.getresponse()
            told = answer.read()
            if answer.status != 200:
                wrong.append(told)

    started = time.perf_counter()
    threads = [threading.Thread(target=client) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"The service refuses: {wrong[0]!r}")
    return PICTURES / (time.perf_counter() - started)


def main() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        template = copy_template(folder / "template")
        commit(template, "Here")
        project = Project(render(template, folder / SLUG, role="cv"), folder / "venv")
        project.uv("sync", "--quiet", "--compile-bytecode")
        few = ("--set", "data.limit=400", "--set", "cv.folds=2")
        project.run(SLUG, "data", *few)
        project.run(SLUG, "train", *few, "--set", f"ladder.skip={json.dumps(SKIPPED)}")
        picture = next((project.path / "data/sample").glob("*/*.png")).read_bytes()
        with serving(project) as service:
            for _ in range(ROUNDS):
                bare = float(project.run("python", "-c", BARE).stdout)
                rate = served(service, picture)
                print(f"service {rate:5.0f} pictures/s, bare {bare:5.0f}: {rate / bare:.2f}")
            print(f"resident memory {service.memory() / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
