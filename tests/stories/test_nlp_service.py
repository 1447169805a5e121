"""I serve answers from my own documents: quoted, worded by a language model, kept in PostgreSQL."""

import importlib.util
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import village
from browser import Page, chromium
from projects import ROOT, SLUG, Project, clean_environment
from service import Service, serving

# By meaning at least, so that there are vectors to keep.
OWN = (
    "--set",
    "data.source=folder",
    "--set",
    "cv.folds=2",
    "--set",
    'ladder.skip=["BM25", "TF-IDF", "hybrid, reranked"]',
)
LLM = (
    *OWN,
    "--set",
    "answers.by=llm",
    "--set",
    "llm.prices={input: 0.1, output: 0.2}",
    "--set",
    "llm.budget={most: 50}",
    "--set",
    "llm.attempts=2",
    "--set",
    "answers.abstain_below=0",
)
QUESTION = "At what time does Anna open?"


def read(project: Project, name: str) -> Any:
    return json.loads((project.path / name).read_text("utf-8"))


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What of an answer does not change from one time to the next."""
    changing = {"prediction_timestamp", "cached", "model_version"}
    return {key: value for key, value in answer.items() if key not in changing}


@pytest.fixture(scope="module")
def ran(nlp_project: Project, template: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project over own documents, after `run`."""
    from projects import render

    folder = render(template, tmp_path_factory.mktemp("village") / "my-project", role="nlp")
    project = Project(folder, nlp_project.environment)
    village.write(folder)
    project.run(SLUG, "run", *OWN)
    return project


@pytest.fixture(scope="module")
def fake_llm() -> ModuleType:
    """The server that the toolkit's tests bring."""
    path = Path(__file__).parents[1] / "toolkit" / "fake_llm.py"
    spec = importlib.util.spec_from_file_location("fake_llm", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def database(postgresql: Any) -> str:
    """The address of a PostgreSQL with pgvector."""
    return postgresql.get_uri()


@pytest.fixture
def copied(ran: Project, tmp_path: Path) -> Callable[[], Project]:
    """Return a function that copies the project that was run."""

    def make() -> Project:
        shutil.copytree(ran.path, tmp_path / "copy")
        return Project(tmp_path / "copy", ran.environment)

    return make


def events(service: Service, question: str) -> list[tuple[str, Any]]:
    """The server-sent events of an answer."""
    body = json.dumps({"question": question}).encode()
    request = urllib.request.Request(
        f"{service.address}/predict/stream", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        blocks = response.read().decode().strip().split("\n\n")
    pairs = [block.split("\n") for block in blocks]
    return [(kind.removeprefix("event: "), json.loads(data[6:])) for kind, data in pairs]


def test_the_service_answers_what_predict_writes(ran: Project) -> None:
    questions = [json.loads(line) for line in (ran.path / "data/questions.jsonl").open()]
    asked = [each["question"] for each in questions]
    (ran.path / "asked.txt").write_text("".join(f"{question}\n" for question in asked), "utf-8")
    ran.run(SLUG, "predict", "asked.txt", "--output", "answers.jsonl")
    rows = [json.loads(line) for line in (ran.path / "answers.jsonl").open()]
    assert [row["question"] for row in rows] == asked
    assert {row["prediction"] for row in rows} == {"answered", "abstained"}
    with serving(ran, ANSWER_CACHE=str(ran.path / "other.sqlite")) as service:
        for row in rows:
            status, answer = service.post("/predict", {"question": row["question"]})
            assert status == 200, answer
            for name in ("prediction", "answer", "needs_review", "answered_by", "reason"):
                assert answer[name] == row[name]
            assert answer["confidence"] == pytest.approx(row["confidence"], abs=1e-6)
            ids = [cited["id"] for cited in row["citations"]]
            assert [cited["id"] for cited in answer["citations"]] == ids
        assert service.memory() < 700 << 20
        maps = Path(f"/proc/{service.process.pid}/maps").read_text()
        assert "sklearn" not in maps
        assert "pandas" not in maps
        status, found = service.post("/search", {"question": QUESTION, "k": 3})
        assert found["hits"][0]["doc"] == "bakery"
        kind, answer = events(service, QUESTION)[-1]
        assert kind == "answer"
        assert told(answer) == told(service.post("/predict", {"question": QUESTION})[1])


def test_the_stores_pass_their_tests_on_a_real_database(ran: Project, database: str) -> None:
    done = subprocess.run(
        [str(ran.bin / "python"), "-m", "pytest", "-q", "-p", "no:cacheprovider", "stores"],
        cwd=ROOT / "tests" / "toolkit",
        env=clean_environment(TEST_DATABASE_URL=database),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


def test_the_vectors_may_lie_in_postgresql(
    ran: Project, copied: Callable[[], Project], database: str
) -> None:
    project = copied()
    project.run(SLUG, "train", *OWN, DATABASE_URL=database)
    metadata = read(project, "models/current/metadata.json")
    assert metadata["store"]["kind"] == "pgvector"
    assert not (project.path / "models/current/chroma").exists()
    with serving(ran) as chroma, serving(project, DATABASE_URL=database) as postgres:
        for question in (QUESTION, "Which fruit is blue?", "Where can I buy novels?"):
            body = {"question": question, "k": 8}
            (_, one), (_, other) = chroma.post("/search", body), postgres.post("/search", body)
            assert [hit["id"] for hit in one["hits"]] == [hit["id"] for hit in other["hits"]]
            scores = [hit["score"] for hit in one["hits"]]
            assert [hit["score"] for hit in other["hits"]] == pytest.approx(scores, abs=1e-5)
    with serving(project, DATABASE_URL="") as service:
        status, _ = service.post("/predict", {"question": QUESTION})
        assert status == 503
        assert "DATABASE_URL is not set" in (project.path / "service.log").read_text()


def test_a_language_model_words_the_answers_and_what_fails_is_quoted(
    copied: Callable[[], Project], fake_llm: ModuleType
) -> None:
    project = copied()
    with fake_llm.running() as server:
        key = {"OPENAI_BASE_URL": server.openai, "OPENAI_API_KEY": "geheim-1234"}
        project.run(SLUG, "train", *LLM, **key)
        project.run(SLUG, "evaluate", *LLM, **key)
        extractive, model = read(project, "reports/metrics.json")["answers"]["rows"]
        assert (extractive["by"], model["by"]) == ("extractive", "llm")
        assert model["stopped"] is None
        assert model["cost_per_1000"] > 0
        assert model["cost_per_1000_cached"] == 0
        assert server.requests[0]["headers"]["authorization"] == "Bearer geheim-1234"
        with serving(project, **key) as service:
            server.faults = ["500", "cut"]
            _, quoted = service.post("/predict", {"question": QUESTION})
            assert quoted["answered_by"] == "extractive"
            assert quoted["reason"] == "The language model broke off in the middle of its answer."
            server.faults = ["cut"]
            told_before = events(service, QUESTION)
            assert [kind for kind, _ in told_before] == ["sentence", "answer"]
            answer = told_before[-1][1]
            assert answer["answered_by"] == "llm"
            assert answer["answer"] == told_before[0][1]["text"]
            before = len(server.requests)
            _, again = service.post("/predict", {"question": QUESTION})
            assert again["cached"] is True
            assert len(server.requests) == before
            assert service.memory() < 700 << 20
        log = (project.path / "service.log").read_text()
        metadata = (project.path / "models/current/metadata.json").read_text()
        assert "geheim" not in log + metadata


def test_no_document_and_no_question_runs_in_a_real_browser(ran: Project, tmp_path: Path) -> None:
    """The example at once with its passages, then a document and a question that carry scripts."""
    if chromium() is None:
        pytest.skip("no Chromium here; the gate installs one")
    prose = "document.querySelector('.prose')?.textContent"
    with serving(ran) as service, Page(tmp_path / "profile", f"{service.address}/?predict") as page:
        assert page.wait(prose)
        assert page.ask("document.querySelectorAll('.passages li').length") >= 1
        assert page.ask("document.querySelector('.passages mark').textContent")

        def ask(question: str) -> str:
            page.ask("document.querySelector('#shown').replaceChildren()")
            page.ask(f"document.querySelector('textarea').value = {json.dumps(question)}")
            page.ask("document.querySelector('#form').requestSubmit()")
            return page.wait(prose)

        assert "Kaspar" in ask("Who sells fireworks on the last day of the year, Kaspar?")
        shown = page.ask("document.querySelector('.passages').textContent")
        assert "<script>" in shown
        ask("<img src=x onerror='window.owned = 1'> Where can I buy novels?")
        page.ask("document.querySelectorAll('details').forEach((each) => each.open = true)")
        page.ask("document.querySelectorAll('a').forEach((link) => link.hash && link.click())")
        assert (
            page.ask(
                "document.querySelectorAll('#shown img, #shown script, #shown b[onmouseover]').length"
            )
            == 0
        )
        assert page.ask("window.owned === undefined")
