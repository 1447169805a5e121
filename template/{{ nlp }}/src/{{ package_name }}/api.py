"""What a request and a response are: the same for the service and `predict`."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, Field

from .answers import POLICY, needs_review
from .retrieval import arrange
from .settings import PROJECT, Params
from .toolkit.answers.answer import Answer
from .toolkit.answers.predictor import Predictor
from .toolkit.documents.question import body_model
from .toolkit.project.settings import Project
from .toolkit.retrieval.chunks import Chunk
from .toolkit.retrieval.embedder import EmbedderUnavailable
from .toolkit.serving.api import Answered, Api, stamp
from .toolkit.stores import StoreUnreachable

if TYPE_CHECKING:
    from fastapi import FastAPI

    from .toolkit.serving.api import InBrowser
    from .toolkit.serving.limits import Limits
    from .toolkit.serving.metrics import Metrics

PATHS = ("/predict", "/predict/stream", "/search")
MOST_FOUND = 50
BUSY = {"Retry-After": "5"}
UNREACHABLE = (StoreUnreachable, EmbedderUnavailable)


class Found(BaseModel):
    """A passage that a search found."""

    id: str = Field(description="The document and the passage's number in it")
    doc: str = Field(description="The document's path without its suffix")
    title: str
    text: str
    score: float = Field(description="On the retriever's own scale; higher is nearer")


class Cited(Found):
    """A passage that the answer rests on."""

    quotes: list[str] = Field(description="The passage's sentences that the answer rests on")


class Prediction(Answered):
    """The answer to one question."""

    prediction: Literal["answered", "abstained"]
    answer: str = Field(description="After each sentence come the ids of its passages in brackets")
    confidence: float = Field(description="From 0 to 1: how sure it is that the passages answer")
    needs_review: bool = Field(description="Too uncertain to act on without a person")
    answered_by: Literal["extractive", "llm"]
    reason: str | None = Field(
        description="Why it abstained, was not worded as configured, or what was withheld"
    )
    citations: list[Cited]
    cached: bool = Field(description="Whether the same question was answered before")


class Hits(Answered):
    """What a search found, nearest first."""

    hits: list[Found]


def respond(answer: Answer, floor: float) -> dict[str, Any]:
    """What a caller is told, but for the version, the time and whether it was cached.

    Parameters
    ----------
    answer : Answer
    floor : float
        The confidence under which a person should look.
    """
    return {
        "prediction": "abstained" if answer.abstained else "answered",
        "answer": answer.text,
        "confidence": answer.confidence,
        "needs_review": needs_review(answer, floor),
        "answered_by": answer.answered_by,
        "reason": answer.reason,
        "citations": [
            {**passage(each.chunk), "quotes": list(each.quotes), "score": each.score}
            for each in answer.citations
        ],
    }


def passage(chunk: Chunk) -> dict[str, Any]:
    """A chunk as a caller sees it."""
    return {"id": chunk.id, "doc": chunk.doc, "title": chunk.title, "text": chunk.text}


def add_routes(app: "FastAPI", predictor: Predictor, limits: "Limits", metrics: "Metrics") -> None:
    """Add `POST /predict`, `/predict/stream` and `/search` over the loaded index."""
    # FastAPI is imported by the process that serves, and by no other.
    from fastapi import HTTPException

    from .toolkit.serving.event_stream import add_event_route
    from .toolkit.serving.json_route import add_json_route

    longest = predictor.answerer.settings.longest_question
    example = {"question": str(predictor.metadata.get("example") or "What is this about?")}
    question = body_model("Question", longest)
    wanted = Annotated[int, Field(ge=1, le=MOST_FOUND, description="How many passages")]
    search_body = body_model("Search", longest, k=(wanted, 10))

    def answered(text: str, on_event: Callable[[str, str], None]) -> dict[str, Any]:
        response = predictor.respond(text, on_event)
        metrics.observe_class(response["prediction"], response["needs_review"])
        return stamp(response, predictor.version)

    def predict(body: Any) -> dict[str, Any]:
        try:
            return answered(body.question, lambda kind, text: None)
        except UNREACHABLE as error:
            raise HTTPException(503, str(error), BUSY) from error

    def search(body: Any) -> dict[str, Any]:
        try:
            hits = predictor.search(body.question, body.k)
        except UNREACHABLE as error:
            raise HTTPException(503, str(error), BUSY) from error
        found = [{**passage(hit.chunk), "score": hit.score} for hit in hits]
        return stamp({"hits": found}, predictor.version)

    summary = "Answer a question from the documents"
    add_json_route(app, PATHS[0], predict, question, Prediction, example, summary)
    summary = "Answer a question sentence by sentence, as server-sent events"
    add_event_route(app, PATHS[1], answered, UNREACHABLE, question, Prediction, example, summary)
    summary = "Find the passages nearest to a question"
    add_json_route(app, PATHS[2], search, search_body, Hits, {**example, "k": 5}, summary)


def load(folder: Path, project: Project = PROJECT, bounded: bool = False) -> Predictor:
    """The bundle at `folder`; `bounded` holds a language model to its budget, as a run does."""
    return Predictor.load(folder, project.environment(), arrange, POLICY, respond, bounded)


def in_browser() -> "InBrowser":
    """What puts answers and a search by words into the site's try-it page."""
    from .toolkit.site import answers

    return answers


API = Api(load, add_routes, PATHS, in_browser=in_browser)


def predict_file(project: Project, params: Params, source: Path, output: Path) -> dict[str, Any]:
    """Answer a file of questions with the index that is served."""
    from .toolkit.batch.questions import predict_file

    return predict_file(project, partial(load, project=project, bounded=True), source, output)


def bench_requests(project: Project) -> list[tuple[str, bytes]]:
    """The questions of the test set as `bench` sends them: content type and body of each."""
    from .toolkit.batch.questions import bench_requests

    return bench_requests(project)
