"""The service of a small index, built here of the bakery's handbook: what is asked and refused."""

import asyncio
import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from bakery import EVIL, HITS, QUESTION, save_bundle
from fastapi import FastAPI
from fastapi.testclient import TestClient
from nlp.api import API, load, predict_file
from nlp.settings import PROJECT, Params
from promised import check_promises
from toolkit.answers.predictor import Predictor
from toolkit.project.errors import UserError
from toolkit.serving.app import create_app
from toolkit.serving.limits import Limits
from toolkit.stores import StoreUnreachable


def application(folder: Path, limits: Limits) -> FastAPI:
    return create_app(PROJECT, API, folder, limits)


def answer_file(root: Path, source: Path, output: Path) -> dict[str, Any]:
    return predict_file(replace(PROJECT, root=root), Params(), source, output)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ANSWER_CACHE", str(tmp_path / "answers.sqlite"))
    monkeypatch.delenv("DATABASE_URL", raising=False)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return save_bundle(tmp_path / "models" / "current")


@pytest.fixture
def client(bundle: Path) -> TestClient:
    return TestClient(application(bundle, Limits()), raise_server_exceptions=False)


def ask(client: TestClient, question: object = QUESTION, path: str = "/predict") -> Any:
    return client.post(path, json={"question": question})


def events(text: str) -> list[tuple[str, Any]]:
    """Server-sent events as a browser reads them."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if lines:
            found.append((lines["event"], json.loads(lines["data"])))
    return found


def told(answer: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in answer.items() if k not in {"prediction_timestamp", "cached"}}


def test_a_question_is_answered_with_everything_promised(client: TestClient) -> None:
    response = ask(client)
    answer = response.json()
    assert response.status_code == 200, response.text
    assert answer["prediction"] == "answered"
    assert "Rye bread rests for 36 hours before it is sliced. [rye#0]" in answer["answer"]
    first = answer["citations"][0]
    assert set(first) == {"id", "doc", "title", "text", "score", "quotes"}
    assert (first["id"], first["doc"], first["title"]) == ("rye#0", "rye", "Rye bread")
    assert first["text"] == HITS[0].chunk.text
    assert first["quotes"][0] in first["text"]
    assert 0.9 < answer["confidence"] <= 1
    assert answer["needs_review"] is False
    assert (answer["answered_by"], answer["reason"], answer["cached"]) == (
        "extractive",
        None,
        False,
    )
    assert answer["model_version"] == "v1"
    assert answer["prediction_timestamp"].endswith(("Z", "+00:00"))


def test_what_the_documents_do_not_answer_is_not_answered(client: TestClient) -> None:
    answer = ask(client, "Which vaccination does a parrot want in Peru?").json()
    assert answer["prediction"] == "abstained"
    assert answer["answer"] == "The documents do not answer this question."
    assert answer["citations"] == []
    assert answer["needs_review"] is True
    assert answer["reason"]


def test_asked_again_it_is_the_same_from_the_cache(client: TestClient, bundle: Path) -> None:
    first, again = ask(client).json(), ask(client, f"\u200b {QUESTION}\n").json()
    assert (first["cached"], again["cached"]) == (False, True)
    assert told(first) == told(again)
    other = TestClient(application(save_bundle(bundle, model_version="v2"), Limits()))
    assert ask(other).json()["cached"] is False


def test_a_search_gives_passages_nearest_first(client: TestClient) -> None:
    body = {"question": "When does the shop open on Sundays?", "k": 2}
    found = client.post("/search", json=body).json()
    assert found["hits"][0]["id"] == "shop#0"
    assert len(found["hits"]) <= 2
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)
    assert found["model_version"] == "v1"
    assert client.post("/search", json={"question": "xylophone"}).json()["hits"] == []


def test_a_stream_ends_with_what_predict_answers(client: TestClient) -> None:
    plain = ask(client).json()
    response = ask(client, path="/predict/stream")
    assert response.headers["content-type"].startswith("text/event-stream")
    kind, answer = events(response.text)[-1]
    assert kind == "answer"
    assert told(answer) == told(plain)


def test_a_stream_tells_each_sentence_and_takes_back_what_was_cut(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def respond(self: Predictor, question: str, on_event: Callable[[str, str], None]) -> Any:
        for kind, text in (("sentence", "Öne\nline. [a#0]"), ("restart", ""), ("sentence", "Two.")):
            on_event(kind, text)
        return {"prediction": "answered", "needs_review": False, "answer": "Two."}

    monkeypatch.setattr(Predictor, "respond", respond)
    client = TestClient(application(bundle, Limits()))
    got = events(ask(client, path="/predict/stream").text)
    assert [kind for kind, _ in got] == ["sentence", "restart", "sentence", "answer"]
    assert got[0][1] == {"text": "Öne\nline. [a#0]"}
    assert got[-1][1]["model_version"] == "v1"


def test_a_database_that_is_away_is_503_and_not_500(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def search(self: Predictor, question: str, k: int) -> Any:
        raise StoreUnreachable("The database of passages does not answer now.")

    monkeypatch.setattr(Predictor, "search", search)
    client = TestClient(application(bundle, Limits()), raise_server_exceptions=False)
    for path in ("/predict", "/search"):
        response = ask(client, path=path)
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "5"
        assert "does not answer now" in response.text
    assert events(ask(client, path="/predict/stream").text)[-1][0] == "error"


@pytest.mark.parametrize("path", ["/predict", "/predict/stream", "/search"])
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"question": ""}, 422, ["question", "1"]),
        ({"question": " \u200b?! "}, 422, ["question", "at least one word"]),
        ({"question": "x" * 201}, 422, ["question", "200"]),
        ({"question": 7}, 422, ["question", "string", "7"]),
        ({"question": None}, 422, ["question"]),
        ({"question": ["a"]}, 422, ["question"]),
        ({}, 422, ["question", "required"]),
        ({"question": "a", "extra": 1}, 422, ["extra"]),
        ([], 422, ["body"]),
        (b"{", 422, ["JSON"]),
        (b'{"question": "\\ud800"}', 422, []),
        (b'{"question": "\xff"}', 422, ["JSON"]),
        (b"[" * 100_000, 422, ["JSON"]),
        (b'{"question": "a"}', 200, []),
    ],
)
def test_a_refusal_names_the_field_the_value_and_the_bound(
    client: TestClient, path: str, body: Any, status: int, words: list[str]
) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    for word in words:
        assert word in response.text
    assert "Traceback" not in response.text


def test_the_number_of_passages_has_bounds(client: TestClient) -> None:
    for k, bound in ((0, "1"), (51, "50"), ("many", "integer")):
        response = client.post("/search", json={"question": "rye", "k": k})
        assert response.status_code == 422
        assert bound in response.text
    assert ask(client, path="/search").status_code == 200
    text = {"Content-Type": "text/plain"}
    assert client.post("/predict", content=b"rye", headers=text).status_code == 415


@pytest.mark.parametrize(
    "question",
    [
        "' OR 1=1 --", "{{7*7}}", "../../etc/passwd", "%s%n\x00", "𝕽𝖞𝖊 ＢＲＥＡＤ", "ライ麦パン", "خبز",
        "a" * 200, "🍞 bread", "[rye#0]", "rye\ud7ff", "<script>alert(1)</script>", "{}", "\\", "¿rye?",
    ],
)  # fmt: skip
def test_no_question_is_a_failure_of_the_service(client: TestClient, question: str) -> None:
    status = 200 if any(character.isalnum() for character in question) else 422
    for path in ("/predict", "/predict/stream", "/search"):
        assert ask(client, question, path).status_code == status


def test_the_documented_examples_are_valid_requests(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/predict", "/predict/stream", "/search"):
        operation = paths[path]["post"]
        body = operation["requestBody"]["content"]["application/json"]
        value = next(iter(body["examples"].values()))["value"]
        assert client.post(path, json=value).status_code == 200
        assert {"401", "422", "429", "503"} <= set(operation["responses"])
    stream = paths["/predict/stream"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    assert events(stream["example"])[-1][0] == "answer"
    kinds = {each["properties"]["event"]["const"] for each in stream["itemSchema"]["oneOf"]}
    assert kinds == {"sentence", "restart", "answer", "error"}


def test_answers_are_counted_by_kind(client: TestClient) -> None:
    ask(client)
    ask(client, "Which vaccination does a parrot want in Peru?")
    ask(client, "")
    text = client.get("/metrics").text
    assert 'predictions_total{class="answered"} 1.0' in text
    assert 'predictions_total{class="abstained"} 1.0' in text
    assert 'rejected_inputs_total{status="422"} 1.0' in text


def test_a_caller_who_asks_too_often_waits(bundle: Path) -> None:
    client = TestClient(application(bundle, Limits(rate_per_minute=2)))
    assert [ask(client).status_code for _ in range(3)] == [200, 200, 429]
    assert int(ask(client, path="/search").headers["Retry-After"]) > 0


def test_many_at_once_are_all_answered_rightly(bundle: Path) -> None:
    import httpx2

    app = application(bundle, Limits())
    pairs = [("How long does rye bread rest?", "rye"), ("Is the shop closed in December?", "shop")]

    async def every() -> list[Any]:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as many:
            asked = [many.post("/predict", json={"question": q}) for q, _ in pairs * 20]
            return await asyncio.gather(*asked)

    for answer, (_, doc) in zip(asyncio.run(every()), pairs * 20, strict=True):
        assert answer.json()["citations"][0]["doc"] == doc


def test_documents_are_sent_as_they_are_and_no_page_is_made_of_them(client: TestClient) -> None:
    """JSON may hold anything; the page puts it in as text, as the template's browser test shows."""
    response = ask(client, "What does a poppy seed roll cost?")
    assert response.headers["content-type"] == "application/json"
    assert response.json()["citations"][0]["text"] == EVIL.text
    page = client.get("/").text
    assert "innerHTML" not in page
    assert "insertAdjacentHTML" not in page
    assert "document.write" not in page


def test_a_bundle_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    folder = save_bundle(tmp_path / "bundle")
    (folder / "passages.jsonl").write_text("no JSON")
    with pytest.raises(UserError, match="Run `train` again"):
        load(folder)
    client = TestClient(application(folder, Limits()))
    assert client.get("/health").json()["status"] == "degraded"
    assert ask(client).status_code == 503


def test_a_file_is_answered_as_the_service_answers(
    bundle: Path, client: TestClient, tmp_path: Path
) -> None:
    root = bundle.parent.parent
    asked = [QUESTION, "", "x" * 201, "Is the shop closed in December?", "Who wins in Peru?"]
    lines = [json.dumps({"question": question, "relevant": []}) for question in asked]
    lines += ["no JSON", '{"other": 1}', '{"question": 7}', json.dumps(QUESTION)]
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("\n".join(lines) + "\n", "utf-8")
    result = answer_file(root, source, output)
    assert result == {"rows": 9, "bad": 5, "cost": 0.0}
    rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert [row["row"] for row in rows] == list(range(1, 10))
    assert [row["row"] for row in rows if row["error"]] == [2, 3, 6, 7, 8]
    assert "200" in rows[2]["error"]
    for row in rows:
        if row["error"]:
            assert "prediction" not in row
            continue
        answer = ask(client, row["question"]).json()
        for key in ("prediction", "answer", "needs_review", "answered_by", "model_version"):
            assert answer[key] == row[key]
        assert answer["confidence"] == pytest.approx(row["confidence"], abs=1e-6)
        for mine, its in zip(row["citations"], answer["citations"], strict=True):
            assert (mine["id"], mine["text"]) == (its["id"], its["text"])
            assert mine["score"] == pytest.approx(its["score"], abs=1e-6)


def test_text_and_tables_are_files_of_questions_too(bundle: Path, tmp_path: Path) -> None:
    root, output = bundle.parent.parent, tmp_path / "out.csv"
    text = tmp_path / "in.txt"
    text.write_text(f"\ufeff{QUESTION}\n\nIs the shop closed in December?\n\n", "utf-8")
    assert answer_file(root, text, output) == {"rows": 3, "bad": 1, "cost": 0.0}
    with output.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["prediction"] for row in rows] == ["answered", "", "answered"]
    assert rows[0]["citations"].split()[0] == "rye#0"
    assert rows[1]["error"].startswith("question: ")
    table = tmp_path / "in.csv"
    table.write_text(f'id,question\n1,"{QUESTION}"\n2,\n', "utf-8")
    assert answer_file(root, table, output)["rows"] == 2
    lone = tmp_path / "lone.csv"
    lone.write_text(f"frage\n{QUESTION}\n", "utf-8")
    assert answer_file(root, lone, output)["bad"] == 0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("gone.txt", None, "is not there"),
        ("in.pdf", b"x", "ends in"),
        ("in.txt", b"\n\n", "holds no question"),
        ("in.txt", b"caf\xe9", "not UTF-8"),
        ("in.csv", b"a,b\n1,2\n", "no column `question`"),
        ("in.csv", b'question\n"open', "not valid CSV"),
    ],
)
def test_a_file_that_holds_no_questions_is_named(
    bundle: Path, tmp_path: Path, name: str, content: bytes | None, words: str
) -> None:
    source = tmp_path / name
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(UserError, match=words):
        answer_file(bundle.parent.parent, source, tmp_path / "out.csv")
    with pytest.raises(UserError, match=r"end it in \.jsonl or \.csv"):
        answer_file(bundle.parent.parent, source, tmp_path / "out.txt")


def test_a_run_stops_before_it_is_overspent_and_keeps_what_it_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openai", reason="`uv sync --extra llm` installs what this tests")
    import fake_llm

    with fake_llm.running() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.openai)
        prices = {"input": 0.1, "output": 0.0}
        save_bundle(
            tmp_path / "models" / "current",
            answers={"by": "llm"},
            llm={"prices": prices, "budget": {"most": 0.31}, "max_tokens": 50},
        )
        source, output = tmp_path / "in.txt", tmp_path / "out.jsonl"
        source.write_text("".join(f"How long does rye bread rest {n} times?\n" for n in range(30)))
        with pytest.raises(UserError, match=r"Stopped after \d+ of 30 questions") as caught:
            answer_file(tmp_path, source, output)
        rows = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
        answered = [row for row in rows if not row["error"]]
        assert 1 < len(answered) == len(server.requests) < 30
        assert f"after {len(answered)} of" in str(caught.value)
        assert {row["answered_by"] for row in answered} == {"llm"}
        assert len(answered) * 0.01 <= 0.31
        # Running it again pays only for the others.
        assert answer_file(tmp_path, source, output)["bad"] == 0
        assert len(server.requests) == 30


def test_the_service_needs_no_package_that_its_image_lacks() -> None:
    """They are as if not installed: libraries import some of them only where they are."""
    root = Path(__file__).parents[3]
    listed = (root / "template/{{ nlp }}/requirements/serving.txt").read_text("utf-8")
    image = set(re.findall(r"^([\w.-]+)==", listed, re.MULTILINE))
    missing = {
        module
        for module, names in packages_distributions().items()
        if not {re.sub(r"[-_.]+", "-", name).lower() for name in names} & image
    }
    assert {"bs4", "sklearn", "mlflow"} <= missing
    script = (
        f"import layers, sys; layers.install(); sys.modules |= dict.fromkeys({missing}); "
        "import nlp.api, nlp.cli; "
        "from toolkit.serving import app, event_stream, json_route, reload, server"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "examples", [40, pytest.param(300, marks=pytest.mark.long)], ids=["short", "long"]
)
def test_what_openapi_promises_is_kept(bundle: Path, examples: int) -> None:
    # What negates letters and digits for this check does not know these classes, and takes ª for none.
    excluded = ("negative_data_rejection",)
    seen = check_promises(application(bundle, Limits()), examples, excluded=excluded)
    for path in ("/predict", "/predict/stream", "/search"):
        assert {200, 422} <= seen[f"POST {path}"] <= {200, 415, 422}
