"""Memory and time of the nlp role's index at 1,000 to 100,000 passages, and of a question to it.

    uv run benchmarks/passages.py [--store numpy]

Renders the nlp project and builds its bundle from made-up passages: words drawn by a Zipf law, vectors
drawn at random on the sphere, since embedding 100,000 passages takes hours and their values do not
change what storing and searching costs. Questions are embedded for real, by the packaged MiniLM. Every
size is built and asked in a process of its own; nothing is cached, no language model is asked.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from projects import PACKAGE, SLUG, Project, commit, copy_template, render

SIZES = (1_000, 10_000, 20_000, 100_000)
MADE = """
import json, resource, sys, time
from pathlib import Path
import numpy as np

from {package}.api import load
from {package}.toolkit import stores
from {package}.toolkit.retrieval.bundle import write_index
from {package}.toolkit.retrieval.chunks import Chunk
from {package}.toolkit.retrieval.embedder import Embedder
from {package}.toolkit.retrieval.index import Setup
from {package}.toolkit.retrieval.corpus import Corpus

step, folder, size, kind = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
rng = np.random.default_rng(0)

def words(n):
    return " ".join("word%d" % rank for rank in np.minimum(rng.zipf(1.3, n), 50_000))

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

if step == "build":
    chunks = [Chunk("d%d#0" % n, "d%d" % n, words(110), "Document %d" % n) for n in range(size)]
    vectors = rng.standard_normal((size, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    embedder = Embedder.get("all-MiniLM-L6-v2", folder.parent, 1)
    corpus = Corpus(chunks, [1], lambda: vectors, embedder.vector)
    setup = Setup("bm25", True, 1)
    started = time.perf_counter()
    corpus.sizes[1].lexical("bm25")
    lexical = time.perf_counter() - started
    store = stores.create(folder, kind, project="bench", name="bench", dimensions=384)
    written = write_index(folder, corpus, setup, embedder, store)
    metadata = dict(
        model_version="bench", setup=setup.to_json(), **written, answers={{}}, llm={{}},
        confidence=dict(weights={{}}, intercept=0.0), review=dict(on=False, cutoff=None), schema=dict(columns=[]),
    )
    (folder / "metadata.json").write_text(json.dumps(metadata))
    print(json.dumps(dict(
        lexical=lexical, seconds=time.perf_counter() - started,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        disk=sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**20,
    )))
else:
    started = time.perf_counter()
    predictor = load(folder)
    loaded = time.perf_counter() - started
    spent, embedding = [], []
    for n in range(60):
        question = "How does " + words(9) + " go with " + words(4) + "?"
        started = time.perf_counter()
        predictor.index._dense._embed(question)
        embedding.append(time.perf_counter() - started)
        started = time.perf_counter()
        predictor.search(question, 5)
        spent.append(time.perf_counter() - started)
    p50, p95 = np.percentile(np.array(spent[10:]) * 1000, [50, 95])
    print(json.dumps(dict(
        load=loaded, resident=resident(), p50=p50, p95=p95,
        embedding=float(np.median(embedding[10:]) * 1000),
    )))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=["chroma", "numpy"], default="chroma")
    kind = parser.parse_args().store
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        template = copy_template(folder / "template")
        commit(template, "Here")
        project = Project(render(template, folder / SLUG, role="nlp"), folder / "venv")
        project.uv("sync", "--quiet", "--compile-bytecode")
        measure(project, folder, kind)


def measure(project: Project, work: Path, kind: str) -> None:
    script = MADE.format(package=PACKAGE)
    print(
        "| passages | index, s (of it words) | peak, MiB | on disk, MiB | load, s | serving, MiB | question p50 / p95, ms (of it embedding) |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for size in SIZES:
        folder = work / f"bundle-{size}"
        folder.mkdir()
        built, asked = (
            json.loads(
                project.run("python", "-c", script, step, str(folder), str(size), kind).stdout
            )
            for step in ("build", "ask")
        )
        print(
            f"| {size:,} | {built['seconds']:.1f} ({built['lexical']:.1f}) | {built['peak']:.0f} | "
            f"{built['disk']:.0f} | {asked['load']:.1f} | {asked['resident']:.0f} | "
            f"{asked['p50']:.0f} / {asked['p95']:.0f} ({asked['embedding']:.0f}) |",
            flush=True,
        )


if __name__ == "__main__":
    main()
