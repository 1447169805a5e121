"""One request to a language model: what each vendor's server sends, read as pieces of an answer.

The vendors' own libraries connect, authenticate and name their errors; the lines of the response are
read here, since servers that speak the same API differ in what ends an answer. Shapes are those of the
public references: OpenAI's chat completions (also spoken by Ollama, vLLM, llama.cpp and others) and
Anthropic's messages, each as a stream of events or as one JSON document.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..documents.settings import DocumentEnvironment, Llm
from ..project.errors import UserError
from .answer import Usage

# Why a server stopped, for a whole answer; any other reason is a fault.
WHOLE = frozenset("stop end_turn stop_sequence eos eos_token end complete completed".split())
# The others, each with whether asking again may help; reasons that are not here may pass.
FAULTS = {
    "cut its answer off at `llm.max_tokens`": (
        "length max_tokens max_output_tokens max_completion_tokens model_length limit "
        "model_context_window_exceeded"
    ),
    "stopped at its content filter": (
        "content_filter content_filtered safety refusal recitation blocklist prohibited_content spii "
        "guardrail_intervened"
    ),
    "asked for a tool instead of answering": "tool_calls tool_call tool_use function_call",
}
_WORDS = {reason: words for words, reasons in FAULTS.items() for reason in reasons.split()}

# Where models put what they say to themselves, if the server does not set it apart.
_NAME = r"(?:\w+:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratch_?pad|analysis)"
_OPEN = (
    rf"(?:<\s*{_NAME}\b[^<>]{{0,40}}>|◁{_NAME}▷|\[THINK\]|<\|START_THINKING\|>"
    r"|<\|channel\|>(?!final\b)\w+|<unused94>)"
)
_CLOSE = (
    rf"(?:<\s*/\s*{_NAME}\s*>|◁/{_NAME}▷|\[/THINK\]|<\|END_THINKING\|>"
    r"|<\|channel\|>final\b\s*(?:<\|message\|>)?|<unused95>)"
)
_PAIR = re.compile(rf"{_OPEN}.*?{_CLOSE}", re.IGNORECASE | re.DOTALL)
_OPENED = re.compile(_OPEN, re.IGNORECASE)
_CLOSED = re.compile(rf".*{_CLOSE}", re.IGNORECASE | re.DOTALL)
_TOKEN = re.compile(r"<\|\w+\|>")


class ModelUnavailable(Exception):
    """The language model gave no whole answer; the message says why, in words for a caller."""

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage or Usage()


class ServerError(Exception):
    """An error that a server tells of in the middle of a stream."""

    def __init__(self, body: object) -> None:
        super().__init__("the server reports an error")
        self.body = body


@dataclass(frozen=True)
class Piece:
    """A part of an answer.

    Attributes
    ----------
    text : str
        What was added.
    used : tuple of int, optional
        The server's count of input and output tokens, where it is in this piece.
    is_last : bool
        Whether the server says that nothing follows.
    reason : str, optional
        Why the server stopped, in its own word.
    """

    text: str
    used: tuple[int, int] | None = None
    is_last: bool = False
    reason: str | None = None


class Chat(Protocol):
    """What speaks to a language model: one answer to a prompt."""

    def __call__(self, system: str, user: str) -> Iterator[Piece]:
        """Give an answer piece by piece; raises what the vendor's library raises."""


def without_working(text: str) -> str:
    """An answer without what a model says to itself, also where that is still being written.

    A closing mark without an opening one ends it too: some servers put the opening mark into the
    prompt.
    """
    text = _CLOSED.sub("", _PAIR.sub("", text))
    if opened := _OPENED.search(text):
        text = text[: opened.start()]
    return _TOKEN.sub("", text)


def fault_of(reason: str) -> tuple[str, bool] | None:
    """What a server's reason to stop means.

    Returns
    -------
    tuple of (str, bool), optional
        What is wrong, in words that follow "The language model", and whether asking again may help.
        None for the reason of a whole answer.
    """
    plain = reason.strip().lower()
    if plain in WHOLE:
        return None
    if plain in _WORDS:
        return _WORDS[plain], False
    named = plain if re.fullmatch(r"[\w -]{1,40}", plain) else "unknown"
    return f"stopped before its answer was whole (reason: {named})", True


def read_pieces(lines: Iterable[str]) -> Iterator[Piece]:
    """The pieces of a response, whether a stream of events or one JSON document.

    Raises
    ------
    ServerError
        If the server reports an error.
    ValueError, TypeError, AttributeError, LookupError
        If it is neither.
    """
    document = []
    for line in lines:
        field, _, value = line.partition(":")
        if field == "data":
            if value.strip() == "[DONE]":
                yield Piece("", is_last=True)
                return
            yield _piece(json.loads(value))
        elif field not in ("", "event", "id", "retry"):
            document.append(line)
    if document:
        piece = _piece(json.loads("\n".join(document)))
        yield Piece(piece.text, piece.used, True, piece.reason)


def _piece(event: dict[str, Any]) -> Piece:
    kind = event.get("type")
    if event.get("error") or kind == "error":
        raise ServerError(event.get("error"))
    if "choices" in event:
        choice: dict[str, Any] = next(iter(event["choices"]), {})
        said = choice.get("delta") or choice.get("message") or {}
        text, reason = said.get("content"), choice.get("finish_reason")
    elif kind == "content_block_delta":
        text, reason = event["delta"].get("text"), None
    else:  # Anthropic's message, its start, or its end
        text = event.get("content")
        reason = event.get("stop_reason") or (event.get("delta") or {}).get("stop_reason")
    counted = event.get("usage") or (event.get("message") or {}).get("usage") or {}
    used = tuple(
        int(counted.get(f"{one}_tokens") or counted.get(f"{other}_tokens") or 0)
        for one, other in (("prompt", "input"), ("completion", "output"))
    )
    return Piece(
        _text(text), (used[0], used[1]) if any(used) else None, kind == "message_stop", reason
    )


def _text(content: object) -> str:
    """The text of a message's content: a string, nothing, or parts of which only text is told."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(
        str(part.get("text") or "")
        for part in content  # type: ignore[attr-defined]
        if part.get("type") in ("text", "output_text")
    )


def make_chat(settings: Llm, environment: DocumentEnvironment) -> Chat:
    """Connect to the configured model; nothing is sent yet.

    Raises
    ------
    ModelUnavailable
        If the key is not set.
    UserError
        If the packages are not installed.
    """
    connect = _anthropic if settings.provider == "anthropic" else _openai
    try:
        create, body = connect(settings, environment)
    except ImportError as error:
        raise UserError(
            f"A language model needs the package `{error.name}`: run `uv sync --extra llm`, or set "
            "`answers.by: extractive`."
        ) from error
    optional: dict[str, Any] = {"stream": True}
    if settings.temperature is not None:
        optional["temperature"] = settings.temperature
    if settings.provider == "openai":
        optional["stream_options"] = {"include_usage": True}
    return _Connected(create, body, optional, settings.provider)


class _Connected:
    """Asks; what a server refuses to do, such as to stream, is not asked of it again."""

    def __init__(
        self, create: Any, body: Mapping[str, Any], optional: dict[str, Any], provider: str
    ) -> None:
        self._create = create
        self._body = body
        self._optional = optional
        self._provider = provider

    def __call__(self, system: str, user: str) -> Iterator[Piece]:
        while True:
            try:
                yield from self._ask(system, user)
                return
            except Exception as error:
                if getattr(error, "status_code", None) not in (400, 404, 405, 422, 501):
                    raise
                refused = {name for name in self._optional if name in str(error).lower()}
                if "stream" in refused:
                    refused.add("stream_options")
                if not refused & self._optional.keys():
                    raise
                self._optional = {
                    name: value for name, value in self._optional.items() if name not in refused
                }

    def _ask(self, system: str, user: str) -> Iterator[Piece]:
        body = {**self._body, "messages": [{"role": "user", "content": user}]}
        if self._provider == "anthropic":
            body["system"] = system
        else:
            body["messages"].insert(0, {"role": "system", "content": system})
        # Not every version of the libraries knows every option by name.
        with self._create(**body, extra_body=self._optional) as response:
            yield from read_pieces(response.iter_lines())


def _openai(settings: Llm, environment: DocumentEnvironment) -> tuple[Any, dict[str, Any]]:
    from openai import OpenAI

    if not (environment.openai_api_key or environment.openai_base_url):
        raise ModelUnavailable("OPENAI_API_KEY is not set.")
    # Other servers know `max_tokens`, OpenAI's newer models only `max_completion_tokens`.
    longest = "max_tokens" if environment.openai_base_url else "max_completion_tokens"
    client = OpenAI(
        api_key=environment.openai_api_key or "none",
        base_url=environment.openai_base_url,
        timeout=settings.timeout_seconds,
        max_retries=0,
    )
    return client.chat.completions.with_streaming_response.create, {
        "model": settings.model,
        longest: settings.max_tokens,
    }


def _anthropic(settings: Llm, environment: DocumentEnvironment) -> tuple[Any, dict[str, Any]]:
    from anthropic import Anthropic

    if not environment.anthropic_api_key:
        raise ModelUnavailable("ANTHROPIC_API_KEY is not set.")
    client = Anthropic(
        api_key=environment.anthropic_api_key,
        base_url=environment.anthropic_base_url,
        timeout=settings.timeout_seconds,
        max_retries=0,
    )
    return client.messages.with_streaming_response.create, {
        "model": settings.model,
        "max_tokens": settings.max_tokens,
    }
