"""How good answers are: refusals, cost and the cache, against a server of this machine."""

from collections.abc import Iterator
from typing import Any

import fake_llm
import pytest
from bakery import HITS
from fake_llm import FakeServer
from nlp.answers import INSTRUCTIONS, POLICY
from toolkit.answer_evaluation.answers import evaluate_answers
from toolkit.answers.confidence import Calibration
from toolkit.answers.llm import prompt
from toolkit.documents.questions import Question
from toolkit.documents.settings import DocumentEnvironment
from toolkit.retrieval.chunks import Hit

pytest.importorskip("openai", reason="the extra llm is not installed")
QUESTION = "How long does rye bread rest?"
SURE = Calibration({}, 10.0)
FREE = {"input": 0.0, "output": 0.0}


@pytest.fixture(scope="module")
def running() -> Iterator[FakeServer]:
    with fake_llm.running() as fake:
        yield fake


@pytest.fixture
def server(running: FakeServer) -> FakeServer:
    running.model, running.counts = fake_llm.quoting, True
    running.faults.clear()
    running.requests.clear()
    return running


def addresses(server: FakeServer) -> DocumentEnvironment:
    return DocumentEnvironment(
        openai_base_url=server.openai,
        anthropic_api_key="secret",
        anthropic_base_url=server.anthropic,
    )


def metadata(by: str = "llm", **llm: Any) -> dict[str, Any]:
    return {
        "model_version": "v1",
        "answers": {"by": by, "abstain_below": 0.3},
        "llm": {"max_tokens": 50, "attempts": 1, "prices": FREE, **llm},
        "confidence": SURE.to_json(),
    }


def test_the_evaluation_measures_answers_refusals_cost_and_the_cache(server: FakeServer) -> None:
    questions = [
        Question(QUESTION, ["rye"], True),
        Question("How many grams of flour are in the dough?", ["rye"], True),
        Question("Is wheat in croissants?", ["shop"], True),
        Question("What does a plane ticket cost?", [], False),
    ]  # fmt: skip

    def search(question: str, k: int) -> list[Hit]:
        if "plane" in question:
            return [Hit(hit.chunk, hit.score, -1.0) for hit in HITS[:k]]
        return HITS[:k]

    known = metadata(prices={"input": 1.0, "output": 0.0}, budget={"most": 100.0})
    known["answers"]["abstain_below"] = 0.5
    known["confidence"] = Calibration({"similarity": 10.0}, 0.0).to_json()
    result = evaluate_answers(POLICY, known, addresses(server), search, questions)
    extractive, model = result["rows"]
    assert (result["n"], result["answerable"]) == (4, 3)
    assert extractive["abstention"]["precision"]["share"] == 1.0
    assert extractive["abstention"]["recall"]["share"] == 1.0
    assert extractive["answered"]["share"] == 1.0
    assert extractive["right"]["share"] == pytest.approx(2 / 3)
    assert extractive["cost_per_1000"] == 0
    assert model["by"] == "llm"
    assert model["cost_per_1000"] == pytest.approx(1000 * 3 * 0.1 / 4)
    assert model["cost_per_1000_cached"] == 0
    assert model["milliseconds_cached"]["p50"] < model["milliseconds"]["p50"]
    assert result["extractive_is_enough"]["share"] == pytest.approx(2 / 3)
    one = (len((INSTRUCTIONS + prompt(QUESTION, HITS)).encode()) + 64) / 1000
    few = {**known, "llm": {**known["llm"], "budget": {"most": one + 0.05}}}
    stopped = evaluate_answers(POLICY, few, addresses(server), search, questions)["rows"][1]
    assert stopped["asked"] == 1
    assert "might cost" in stopped["stopped"]
