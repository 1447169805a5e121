"""The routes that are this role's: a question is answered, at once or as it is written, or searched."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Literal

from fastapi import Body, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from .toolkit.answers.answer import found_json
from .toolkit.answers.question import body_model
from .toolkit.retrieval.embedder import EmbedderUnavailable
from .toolkit.stores import StoreUnreachable
from .toolkit.serving.answer import Answered, stamp
from .toolkit.serving.errors import REFUSALS
from .toolkit.serving.json_route import JsonRoute
from .toolkit.serving.limits import Limits
from .toolkit.serving.metrics import Metrics
from .toolkit.answers.predictor import Predictor

PATHS = ("/predict", "/predict/stream", "/search")
EVENTS = "text/event-stream"
SECONDS_OF_SILENCE = 15.0  # after which a stream is kept open with a comment
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
    reason: str | None = Field(description="Why it abstained, or was not worded as configured")
    citations: list[Cited]
    cached: bool = Field(description="Whether the same question was answered before")


class Hits(Answered):
    """What a search found, nearest first."""

    hits: list[Found]


def value_range(predictor: Predictor) -> tuple[float, float] | None:
    """No question is answered with a number."""
    return None


def add(app: FastAPI, predictor: Predictor, limits: Limits, metrics: Metrics) -> None:
    """Give `app` `POST /predict`, `/predict/stream` and `/search` over the loaded index."""
    longest = predictor.answerer.settings.longest_question
    example = str(predictor.metadata.get("example") or "What is this about?")
    question = body_model("Question", longest)
    wanted = Annotated[int, Field(ge=1, le=MOST_FOUND, description="How many passages")]
    search_body = body_model("Search", longest, k=(wanted, 10))

    def replied(text: str, on_event: Callable[[str, str], None] | None = None) -> dict[str, Any]:
        answer = predictor.reply(text, on_event)
        metrics.observe_class(answer["prediction"], answer["needs_review"])
        return stamp(answer, predictor.version)

    def predict(body: Any) -> dict[str, Any]:
        try:
            return replied(body.question)
        except UNREACHABLE as error:
            raise HTTPException(503, str(error), BUSY) from error

    def search(body: Any) -> dict[str, Any]:
        try:
            hits = predictor.search(body.question, body.k)
        except UNREACHABLE as error:
            raise HTTPException(503, str(error), BUSY) from error
        return stamp({"hits": [found_json(hit) for hit in hits]}, predictor.version)

    async def stream(body: Any) -> StreamingResponse:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        return StreamingResponse(_events(replied, body.question), 200, headers, EVENTS)

    # The models are known only now that a bundle is loaded, so the annotations are set here.
    predict.__annotations__["body"] = _body(question, {"question": example})
    stream.__annotations__["body"] = _body(question, {"question": example})
    search.__annotations__["body"] = _body(search_body, {"question": example, "k": 5})
    declare = app.router.add_api_route
    declare(
        PATHS[0],
        predict,
        methods=["POST"],
        response_model=Prediction,
        responses=REFUSALS,
        route_class_override=JsonRoute,
        summary="Answer a question from the documents",
    )
    declare(
        PATHS[1],
        stream,
        methods=["POST"],
        response_class=StreamingResponse,
        responses={**REFUSALS, 200: _documented_stream(example)},
        summary="Answer a question sentence by sentence, as server-sent events",
    )
    declare(
        PATHS[2],
        search,
        methods=["POST"],
        response_model=Hits,
        responses=REFUSALS,
        route_class_override=JsonRoute,
        summary="Find the passages nearest to a question",
    )


def _body(model: Any, example: dict[str, Any]) -> Any:
    return Annotated[model, Body(openapi_examples={"example": {"value": example}})]


def _documented_stream(question: str) -> dict[str, Any]:
    answer = {"prediction": "answered", "answer": "…", "citations": ["…"]}
    text = _event("sentence", {"text": "A sentence that stood the test. [guide#2]"})
    text += _event("answer", answer)
    description = (
        "`sentence`: one more sentence of a language model that its passages support. `restart`: "
        "the sentences so far are void, the model is asked again. `answer`: the whole answer, as "
        "`/predict` gives it; always the last, unless `error` says why there is none."
    )
    return {
        "description": description,
        "content": {EVENTS: {"schema": {"type": "string"}, "example": text}},
    }


def _event(kind: str, content: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"


async def _events(
    reply: Callable[[str, Callable[[str, str], None]], dict[str, Any]], question: str
) -> AsyncIterator[str]:
    """What a thread that answers tells, event by event.

    A caller who leaves does not stop the thread: its answer is paid for, and goes to the cache.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()

    def on_event(kind: str, text: str) -> None:
        loop.call_soon_threadsafe(told.put_nowait, (kind, text))

    answering = asyncio.create_task(run_in_threadpool(reply, question, on_event))
    answering.add_done_callback(lambda _: told.put_nowait(None))
    while True:
        try:
            event = await asyncio.wait_for(told.get(), SECONDS_OF_SILENCE)
        except TimeoutError:
            yield ": still at it\n\n"
            continue
        if event is None:
            break
        kind, text = event
        yield _event(kind, {"text": text} if text else {})
    try:
        yield _event("answer", await answering)
    except UNREACHABLE as error:
        yield _event("error", {"detail": str(error)})
