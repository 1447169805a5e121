"""A route that tells an answer as it is written, in server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from .errors import REFUSALS
from .json_route import documented_body

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
    example : dict
        A valid body.
    summary : str
        What the API page calls it.
    """

    async def stream(body: Any) -> StreamingResponse:
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        events = _events(respond, unreachable, body.question)
        return StreamingResponse(events, 200, headers, EVENTS)

    shown = _event("sentence", {"text": "A sentence that stood the test. [guide#2]"})
    shown += _event("answer", {"prediction": "answered", "answer": "…", "citations": ["…"]})
    content = {EVENTS: {"schema": {"type": "string"}, "example": shown}}
    stream.__annotations__["body"] = documented_body(body, example)
    app.router.add_api_route(
        path,
        stream,
        methods=["POST"],
        response_class=StreamingResponse,
        responses={**REFUSALS, 200: {"description": DESCRIPTION, "content": content}},
        summary=summary,
    )


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
