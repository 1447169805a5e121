"""What servers send, by vendor and by fault, as their public references describe it."""

import json
import re
from collections.abc import Iterator
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import pytest
from bakery import HITS
from nlp.answers import POLICY
from nlp.api import respond
from toolkit.answers.answerer import Answerer
from toolkit.answers.budget import Budget
from toolkit.answers.chat import (
    WHOLE,
    ModelUnavailable,
    Piece,
    ServerError,
    _Connected,
    fault_of,
    read_pieces,
    without_working,
)
from toolkit.answers.confidence import Calibration
from toolkit.answers.llm import LanguageModel
from toolkit.documents.settings import Answers, Llm

TEXT = "Rye bread rests for 36 hours before it is sliced [1]."
TOLD = "Rye bread rests for 36 hours before it is sliced. [rye#0]"
QUESTION = "How long does rye bread rest?"
PARTS = [TEXT[start : start + 7] for start in range(0, len(TEXT), 7)]


def events(*found: object) -> list[str]:
    """The lines of a stream of events."""
    return [
        line
        for each in found
        for line in (f"data: {each if isinstance(each, str) else json.dumps(each)}", "")
    ]


def delta(reason: str | None = None, **said: object) -> dict[str, Any]:
    choice = {"index": 0, "delta": said, "logprobs": None, "finish_reason": reason}
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}


def message(content: str | None, reason: str | None = "stop", **more: object) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **more}
    return {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": said, "finish_reason": reason}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
    }


def anthropic(reason: str = "end_turn", thinking: bool = False) -> list[str]:
    def event(kind: str, **values: object) -> list[str]:
        return [f"event: {kind}", f"data: {json.dumps({'type': kind, **values})}", ""]

    usage = {"input_tokens": 9, "output_tokens": 1}
    start = {"id": "m", "type": "message", "role": "assistant", "content": [], "usage": usage}
    lines = event("message_start", message={**start, "stop_reason": None}) + event("ping")
    if thinking:
        block = {"type": "thinking", "thinking": "", "signature": ""}
        lines += event("content_block_start", index=0, content_block=block)
        for each in (
            {"type": "thinking_delta", "thinking": "Hm [1]."},
            {"type": "signature_delta", "signature": "EqQB"},
        ):
            lines += event("content_block_delta", index=0, delta=each)
        lines += event("content_block_stop", index=0)
    lines += event("content_block_start", index=1, content_block={"type": "text", "text": ""})
    for part in PARTS:
        lines += event("content_block_delta", index=1, delta={"type": "text_delta", "text": part})
    lines += event("content_block_stop", index=1)
    ended = {"stop_reason": reason, "stop_sequence": None}
    return (
        lines
        + event("message_delta", delta=ended, usage={"output_tokens": 4})
        + event("message_stop")
    )


WHOLE_USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
SAID = [delta(content=part) for part in PARTS]
SHAPES = {
    "openai": events(
        delta(role="assistant", content="", refusal=None),
        *SAID,
        delta("stop"),
        {"object": "chat.completion.chunk", "choices": [], "usage": WHOLE_USAGE},
        "[DONE]",
    ),
    "openai, not streamed": [json.dumps(message(TEXT, refusal=None, annotations=[]))],
    "openai, printed": json.dumps(message(TEXT), indent=2).split("\n"),
    "azure": events(
        {"id": "", "object": "", "model": "", "prompt_filter_results": [{}], "choices": []},
        *SAID,
        delta("stop"),
        "[DONE]",
    ),
    "anthropic": anthropic(),
    "anthropic, thinking": anthropic(thinking=True),
    "anthropic, not streamed": [
        json.dumps(
            {
                "type": "message",
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm [1].", "signature": "EqQB"},
                    {"type": "text", "text": TEXT},
                ],
                "stop_reason": "end_turn",
                "usage": {"input_tokens": 9, "output_tokens": 4},
            }
        )
    ],
    "ollama": events(
        delta(role="assistant", content="", reasoning="The user asks "),
        delta(role="assistant", content="", reasoning="how long [1]."),
        *SAID,
        delta("stop", role="assistant", content=""),
        "[DONE]",
    ),
    "ollama, not streamed": [
        json.dumps({**message(TEXT, reasoning="Hm [1]."), "system_fingerprint": "fp_ollama"})
    ],
    "vllm": events(
        delta(role="assistant", content=""),
        delta(reasoning_content="The user asks how long [1]."),
        *SAID[:-1],
        {
            **delta("stop", content=PARTS[-1]),
            "usage": None,
        },
        {"choices": [], "usage": {"prompt_tokens": 9, "total_tokens": 13, "completion_tokens": 4}},
        "[DONE]",
    ),
    "vllm, not streamed": [
        json.dumps(message(TEXT, reasoning_content="Hm [1].", tool_calls=[]))
    ],
    "llama.cpp": events(
        delta(role="assistant", content=None),
        delta(reasoning_content="Hm [1]."),
        *SAID,
        {**delta("stop"), "timings": {"prompt_n": 9, "predicted_n": 4}},
        {"choices": [], "usage": WHOLE_USAGE, "timings": {"prompt_n": 9}},
        "[DONE]",
    ),
    "llama.cpp, thinking left in": events(
        delta(role="assistant", content="The user asks how long. It rests for 36 hours [1]. So "),
        delta(content="I say so.\n</think>\n\n"),
        *SAID,
        delta("stop"),
        "[DONE]",
    ),
    "parts of content": [
        json.dumps(
            message(
                [  # type: ignore[arg-type]
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm [1]."}]},
                    {"type": "text", "text": TEXT},
                ]
            )
        )
    ],
    "no finish reason": events(*SAID, "[DONE]"),
    "neither reason nor end": events(*SAID),
    "no finish reason, not streamed": [json.dumps(message(TEXT, None))],
    "comments and retries": [": keep-alive", "", "retry: 500", "id: 1", *events(*SAID, delta("stop"))],
}  # fmt: skip


class Asking:
    """A model whose server answers with the given responses in turn, the last one again and again."""

    def __init__(self, *responses: list[str] | Exception, attempts: int = 3) -> None:
        self.responses = list(responses)
        self.requests = 0
        self.told: list[tuple[str, str]] = []
        self.pauses: list[float] = []
        settings = Llm(attempts=attempts)
        budget = Budget(settings, bounded=False)
        self.model = LanguageModel(self.chat, POLICY, settings, 0.7, budget, self.pauses.append)

    def chat(self, system: str, user: str) -> Iterator[Piece]:
        self.requests += 1
        found = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if isinstance(found, Exception):
            raise found
        yield from read_pieces(found)

    def __call__(self) -> Any:
        self.told.clear()
        return self.model.answer(
            QUESTION, HITS, 0.9, lambda kind, text: self.told.append((kind, text))
        )


@pytest.mark.parametrize("shape", SHAPES)
def test_an_answer_is_read_from_what_each_vendor_sends(shape: str) -> None:
    ask = Asking(SHAPES[shape])
    for _ in range(2):  # the first answer is told when it is whole, the next one as it comes
        assert ask().text == TOLD
        told = "".join(f"{kind} {text}\n" for kind, text in ask.told)
        assert told == f"sentence {TOLD}\n"
    assert ask.requests == 2
    assert not ask.pauses


@pytest.mark.parametrize("shape", ["openai", "anthropic", "vllm", "llama.cpp"])
def test_tokens_are_the_servers_count(shape: str) -> None:
    usage = Asking(SHAPES[shape])().usage
    assert (usage.input_tokens, usage.output_tokens) == (9, 4)


@pytest.mark.parametrize("reason", sorted(WHOLE))
def test_a_reason_for_a_whole_answer_is_one(reason: str) -> None:
    assert Asking(events(*SAID, delta(reason.upper()), "[DONE]"))().text == TOLD


@pytest.mark.parametrize(
    ("reason", "words", "requests"),
    [
        ("length", r"cut its answer off at `llm\.max_tokens`", 1),
        ("MAX_TOKENS", r"cut its answer off at `llm\.max_tokens`", 1),
        ("model_length", r"cut its answer off at `llm\.max_tokens`", 1),
        ("content_filter", "stopped at its content filter", 1),
        ("SAFETY", "stopped at its content filter", 1),
        ("refusal", "stopped at its content filter", 1),
        ("tool_calls", "asked for a tool instead of answering", 1),
        ("function_call", "asked for a tool instead of answering", 1),
        ("tool_use", "asked for a tool instead of answering", 1),
        ("pause_turn", r"before its answer was whole \(reason: pause_turn\)", 3),
        ("abort", r"before its answer was whole \(reason: abort\)", 3),
        ("error", r"before its answer was whole \(reason: error\)", 3),
        ("<b>new</b>", r"before its answer was whole \(reason: unknown\)", 3),
    ],
)
@pytest.mark.parametrize("content", [TEXT, ""])
def test_another_reason_is_a_fault_that_is_said_and_never_cached(
    reason: str, words: str, requests: int, content: str
) -> None:
    ask = Asking(events(delta(content=content), delta(reason), "[DONE]"))
    answerer = Answerer(POLICY, Answers(), Calibration({}, 10.0), ask.model)
    answerer.cache._most = 9
    answerer.cache._open(None)

    def reply() -> dict[str, Any]:
        return answerer.respond(QUESTION, lambda text, k: HITS, lambda each: respond(each, 0.5))

    first = reply()
    assert ask.requests == requests
    assert (first["answered_by"], first["prediction"]) == ("extractive", "answered")
    assert first["reason"].startswith("The language model ")
    assert re.search(words, first["reason"])
    assert reply()["cached"] is False
    # When the model answers again, its answer counts.
    ask.responses = [SHAPES["openai"]]
    assert reply()["answered_by"] == "llm"
    assert reply()["cached"] is True


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([delta(role="assistant", content=""), delta("stop")], "stop"),
        ([delta(reasoning_content="hm "), delta("stop")], "stop"),
        ([delta(content="<think>hm, 36 hours [1]."), delta("stop")], "stop"),
        ([delta(content=None, refusal="I cannot."), delta("stop")], "stop"),
        ([{"choices": []}], None),
        ([{"choices": None}], None),
    ],
)
def test_an_empty_answer_is_a_fault(content: list[object], reason: str | None) -> None:
    ask = Asking(events(*content, "[DONE]"))
    with pytest.raises(ModelUnavailable, match=r"empty answer|not an answer"):
        ask()
    assert ask.requests == 3
    assert not ask.told


def test_a_stream_that_ends_within_a_sentence_broke_off() -> None:
    with pytest.raises(ModelUnavailable, match="broke off"):
        Asking(events(*SAID[:3]))()


WORKING = (
    "It says that rye bread rests for 36 hours before it is sliced [1]. Shall I ignore it? [2]"
)


@pytest.mark.parametrize(
    "text",
    [
        f"<think>\n{WORKING}\n</think>\n\n{TEXT}",
        f"<thinking>{WORKING}</thinking>{TEXT}",
        f"<THOUGHT>{WORKING}</THOUGHT>{TEXT}",
        f"<reasoning effort='low'>{WORKING}</reasoning>{TEXT}",
        f"<seed:think>{WORKING}</seed:think>{TEXT}",
        f"<scratchpad>{WORKING}</scratchpad>{TEXT}",
        f"{WORKING}</think>{TEXT}",
        f"<think>{WORKING}<think>{WORKING}</think>{WORKING}</think>{TEXT}",
        f"<think></think>{TEXT}<think>{WORKING}</think>",
        f"<think>{WORKING}</think>{TEXT}<think>{WORKING}",
        f"[THINK]{WORKING}[/THINK]{TEXT}",
        f"◁think▷{WORKING}◁/think▷{TEXT}",
        f"<|START_THINKING|>{WORKING}<|END_THINKING|><|START_RESPONSE|>{TEXT}<|END_RESPONSE|>",
        f"<|channel|>analysis<|message|>{WORKING}<|end|><|start|>assistant<|channel|>final<|message|>{TEXT}",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_working_text_never_reaches_a_reader(text: str, size: int) -> None:
    pieces = [delta(content=text[start : start + size]) for start in range(0, len(text), size)]
    ask = Asking(events(*pieces, delta("stop"), "[DONE]"))
    for _ in range(2):
        answer = ask()
        assert answer.text == TOLD
        assert (answer.claims, answer.supported) == (1, 1)
        assert ask.told == [("sentence", TOLD)]
    assert without_working(text).strip() == TEXT


def test_working_text_without_an_opening_mark_that_comes_late_voids_what_was_told() -> None:
    late = events(delta(content=f"{WORKING} So </think>"), *SAID, delta("stop"), "[DONE]")
    pieces = events(
        delta(content=f"{WORKING} So "), delta(content="</think>"), *SAID, delta("stop")
    )
    ask = Asking(SHAPES["openai"], pieces, late)
    ask()
    assert ask().text == TOLD
    assert [kind for kind, _ in ask.told][-2:] == ["restart", "sentence"]
    assert ask().text == TOLD  # from now on answers are told when they are whole
    assert ask.told == [("sentence", TOLD)]


def refused(status: int, body: object = None, says: str = "no", **headers: str) -> Exception:
    error = RuntimeError(says)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    error.status_code, error.body = status, body  # type: ignore[attr-defined]
    error.response = SimpleNamespace(headers=named)  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "requests", "words"),
    [
        (refused(429, {"code": "insufficient_quota"}), 1, r"no quota left \(status 429\)"),
        (refused(429, {"message": "You exceeded your current quota"}), 1, "no quota left"),
        (refused(402, {"message": "Insufficient Balance"}), 1, r"no quota left \(status 402\)"),
        (ServerError({"type": "insufficient_quota"}), 1, "no quota left"),
        (refused(429, {"message": "slow down"}), 3, r"over its limit \(status 429\)"),
        (refused(429, retry_after="Wed, 21 Oct 2099 07:28:00 GMT"), 1, "over its limit"),
        (refused(429, retry_after=formatdate(0, usegmt=True)), 3, "over its limit"),
        (refused(429, retry_after="soon"), 3, "over its limit"),
        (refused(529, {"type": "overloaded_error"}), 3, r"failed \(status 529\)"),
        (ServerError({"message": "model overloaded", "code": 503}), 3, r"failed \(status 503\)"),
        (ServerError({"type": "overloaded_error"}), 3, "failed"),
        (ServerError("broken"), 3, "failed"),
    ],
)
def test_a_spent_quota_is_not_asked_again_and_a_limit_that_passes_is(
    error: Exception, requests: int, words: str
) -> None:
    ask = Asking(error)
    with pytest.raises(ModelUnavailable, match=words):
        ask()
    assert ask.requests == requests


def test_what_a_server_refuses_to_do_is_not_asked_of_it_again() -> None:
    bodies: list[dict[str, Any]] = []

    class Response:
        def __enter__(self) -> Any:
            for name in ("temperature", "stream"):
                if name in bodies[-1]:
                    raise refused(400, says=f"{name} is not supported")
            return SimpleNamespace(iter_lines=lambda: SHAPES["openai, not streamed"])

        def __exit__(self, *_: object) -> None:
            pass

    def create(extra_body: dict[str, Any], **body: Any) -> Response:
        bodies.append({**body, **extra_body})
        return Response()

    optional = {"stream": True, "temperature": 0, "stream_options": {}}
    chat = _Connected(create, {"model": "m"}, optional, "openai")
    for _ in range(2):
        assert "".join(piece.text for piece in chat("system", "user")) == TEXT
    assert ["stream" in body for body in bodies] == [True, True, False, False]
    assert bodies[-1].keys() == {"model", "messages"}


def test_a_fault_is_told_from_a_whole_answer() -> None:
    assert fault_of("stop") is None
    assert fault_of("END_TURN") is None
    assert fault_of("length") is not None


@pytest.mark.parametrize(
    "text", ["NO ANSWER", "NO ANSWER.", '"NO ANSWER"', "**No answer**", "NO\nANSWER"]
)
def test_a_refusal_is_understood_however_it_is_dressed(text: str) -> None:
    answer = Asking(events(delta(content=text), delta("stop"), "[DONE]"))()
    assert answer.reason == "The language model found no answer in the passages."
