"""A server on this machine that speaks OpenAI's and Anthropic's streaming APIs, and can fail."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Model = Callable[[str, str], str]
PASSAGE = re.compile(r'<passage number="(\d+)"[^>]*>\n(.*?)\n</passage>', re.DOTALL)


def quoting(system: str, user: str) -> str:
    """An honest model: the first sentence of the first passage, cited."""
    number, text = PASSAGE.findall(user)[0]
    return f"{' '.join(text.split()).split('. ')[0].rstrip('.')}. [{number}]"


@dataclass
class FakeServer:
    """What the server does next and what it was asked.

    Attributes
    ----------
    model : callable
        From the system's and the user's words to the answer.
    faults : list of str
        What goes wrong with the next requests, in order; `ok` is none. `timeout`, `429`, `429:S`
        (with Retry-After S), a status, `cut` (the connection breaks in the middle), `end` (the
        stream ends in the middle), `malformed` (no JSON), `odd` (JSON of another shape), `html`.
    requests : list of dict
        The bodies, with the headers as `headers`.
    """

    model: Model = quoting
    faults: list[str] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    counts: bool = True
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def openai(self) -> str:
        """The base URL of OpenAI's API."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def anthropic(self) -> str:
        """The base URL of Anthropic's API."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def running() -> Iterator[FakeServer]:
    """The server, stopped in the end."""
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            fake.requests.append({**body, "headers": dict(self.headers)})
            _answer(self, fake, body, fake.faults.pop(0) if fake.faults else "ok")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield fake
    finally:
        fake.released.set()
        server.shutdown()
        server.server_close()


def _answer(
    handler: BaseHTTPRequestHandler, fake: FakeServer, body: dict[str, Any], fault: str
) -> None:
    status, _, seconds = fault.partition(":")
    if fault == "timeout":
        fake.released.wait(30)
        return
    if status.isdigit():
        _send(handler, int(status), b'{"error": {"message": "no", "type": "x"}}', seconds)
        return
    if fault in ("html", "odd"):
        content = b"<html>Bad gateway</html>" if fault == "html" else b'{"choices": null}'
        _send(handler, 200, content)
        return
    is_anthropic = handler.path.endswith("/messages")
    if is_anthropic:
        system, user = body["system"], body["messages"][-1]["content"]
    else:
        system, user = (message["content"] for message in body["messages"])
    text = fake.model(system, user)
    words = re.findall(r"\S+\s*", text)
    events = (_anthropic_events if is_anthropic else _openai_events)(words, fake.counts)
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    half = max(len(events) // 2, 2)
    for number, event in enumerate(events):
        if fault == "malformed" and number == half:
            event = re.sub(r"data: .*", 'data: {"choices": [{"del', event)
        if fault in ("cut", "end") and number == half:
            if fault == "cut":
                handler.connection.shutdown(2)
            return
        if fault == "slow":
            time.sleep(0.2)
        try:
            handler.wfile.write(event.encode())
            handler.wfile.flush()
        except OSError:
            return


def _send(
    handler: BaseHTTPRequestHandler, status: int, content: bytes, retry_after: str = ""
) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(content)))
    if retry_after:
        handler.send_header("Retry-After", retry_after)
    handler.end_headers()
    handler.wfile.write(content)


def _openai_events(words: list[str], counts: bool) -> list[str]:
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "fake"}

    def event(delta: dict[str, str], reason: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return f"data: {json.dumps({**head, 'choices': [choice]})}\n\n"

    events = [event({"role": "assistant", "content": ""})]
    events += [event({"content": word}) for word in words]
    events.append(event({}, "stop"))
    if counts:
        used = {"prompt_tokens": 100, "completion_tokens": len(words)}
        used["total_tokens"] = sum(used.values())
        events.append(f"data: {json.dumps({**head, 'choices': [], 'usage': used})}\n\n")
    return [*events, "data: [DONE]\n\n"]


def _anthropic_events(words: list[str], counts: bool) -> list[str]:
    def event(kind: str, **values: Any) -> str:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **values})}\n\n"

    message = {"id": "m", "type": "message", "role": "assistant", "model": "fake", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None}
    usage = {"input_tokens": 100, "output_tokens": 1}
    block = {"type": "text", "text": ""}
    return [
        event("message_start", message={**message, "usage": usage}),
        event("content_block_start", index=0, content_block=block),
        *(
            event("content_block_delta", index=0, delta={"type": "text_delta", "text": word})
            for word in words
        ),
        event("content_block_stop", index=0),
        event(
            "message_delta",
            delta={"stop_reason": "end_turn", "stop_sequence": None},
            usage={"input_tokens": 100, "output_tokens": len(words)},
        ),
        event("message_stop"),
    ]
