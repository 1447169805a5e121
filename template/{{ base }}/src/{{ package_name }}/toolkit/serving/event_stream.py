"""A route that tells an answer as it is written, in server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from .errors import REFUSALS
from .json_route import JsonEndpoint, documented_body, require_json

EVENTS = "text/event-stream"
SECONDS_OF_SILENCE = 15.0  # after which a stream is kept open with a comment
DESCRIPTION = (
    "`sentence`: one more sentence of a language model that its passages support. `restart`: "
    "the sentences so far are void, the model is asked again. `answer`: the whole answer, as "
    "`/predict` gives it; always the last, unless `error` says why there is none."
)
Respond = Callable[[str, Callable[[str, str], None]], dict[str, Any]]


def add_event_route(
    app: FastAPI,
    path: str,
    respond: Respond,
    unreachable: tuple[type[Exception], ...],
    body: type[BaseModel],
    answer: type[BaseModel],
    example: dict[str, Any],
    summary: str,
) -> None:
    """Add a route that streams what `respond` tells while it works, and its result last.

    Parameters
    ----------
    app : FastAPI
    path : str
    respond : callable
        Takes a question and a function to be told `(kind, text)`; runs in a thread.
    unreachable : tuple of exception types
        Errors whose message is told in an `error` event.
    body : type of BaseModel
        With the field `question`.
    answer : type of BaseModel
        What the last event holds; another route declares it too.
    example : dict
        A valid body.
    summary : str
        What the API page calls it.
    """

    read = JsonEndpoint(body, lambda asked: asked.question, in_loop=True).read

    class Route(APIRoute):
        """Reads a body as `/predict` does, so that both refuse the same ones alike."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            async def handle(request: Request) -> Response:
                require_json(request)
                asked = read(await request.body())
                headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
                events = _events(respond, unreachable, asked.question)
                return StreamingResponse(events, 200, headers, EVENTS)

            return handle

    # What FastAPI reads the request from; a docstring would be told to callers.
    def stream(body: Any) -> None: ...

    shown = _event("sentence", {"text": "A sentence that stood the test. [guide#2]"})
    shown += _event("answer", {"prediction": "answered", "answer": "…", "citations": ["…"]})
    content = {EVENTS: {"itemSchema": _events_schema(answer), "example": shown}}
    stream.__annotations__["body"] = documented_body(body, example)
    app.router.add_api_route(
        path,
        stream,
        methods=["POST"],
        route_class_override=Route,
        response_class=StreamingResponse,
        responses={**REFUSALS, 200: {"description": DESCRIPTION, "content": content}},
        summary=summary,
    )


def _events_schema(answer: type[BaseModel]) -> dict[str, Any]:
    """The schema of one event, as OpenAPI 3.2 describes streams of them."""

    def text(name: str) -> dict[str, Any]:
        return {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}

    kinds = {
        "sentence": text("text"),
        "restart": {"type": "object"},
        "answer": {"$ref": f"#/components/schemas/{answer.__name__}"},
        "error": text("detail"),
    }
    of_json = {"type": "string", "contentMediaType": "application/json"}
    return {
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "event": {"const": kind},
                    "data": {**of_json, "contentSchema": data},
                },
                "required": ["event", "data"],
            }
            for kind, data in kinds.items()
        ]
    }


def _event(kind: str, content: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(content, ensure_ascii=False)}\n\n"


async def _events(
    respond: Respond, unreachable: tuple[type[Exception], ...], question: str
) -> AsyncIterator[str]:
    """What a thread that answers tells, event by event.

    A caller who leaves does not stop the thread: its answer is paid for, and goes to the cache.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[tuple[str, str] | None] = asyncio.Queue()

    def on_event(kind: str, text: str) -> None:
        loop.call_soon_threadsafe(told.put_nowait, (kind, text))

    answering = asyncio.create_task(run_in_threadpool(respond, question, on_event))
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
    except unreachable as error:
        yield _event("error", {"detail": str(error)})
