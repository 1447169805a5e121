"""A language model words the answer, through LangChain; what it says is checked sentence by sentence.

The model sees numbered passages with orders taken out (`prompt_injection`), and is asked for sentences
that end with the numbers of the passages they rest on. Whatever goes wrong on the way (time-outs, 429,
500, answers cut in the middle or not JSON) is tried again with growing pauses, and a server's
`Retry-After` is kept to. If that does not help, `ModelUnavailable` says why, and the extractive answer
is given instead.

The vendors' libraries can retry too, but not a stream that breaks off in the middle; and each of our
attempts is counted against the budget before it is made.
"""

import html
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..documents.settings import DocumentEnvironment, Llm
from ..documents.tokenize import clean, one_line
from ..project.errors import UserError
from ..retrieval.chunks import Hit
from .answer import Answer, Support, Usage
from .budget import Budget
from .citations import check, claims, finished
from .policy import Policy
from .prompt_injection import show

_FIRST_PAUSE = 0.5  # seconds
_LONGEST_TOKEN = 32  # characters; an answer that is longer throughout ignores `max_tokens`


class ModelUnavailable(Exception):
    """The language model gave no whole answer; the message says why, in words for a caller."""

    def __init__(self, message: str, usage: Usage | None = None) -> None:
        super().__init__(message)
        self.usage = usage or Usage()


@dataclass(frozen=True)
class Piece:
    """A part of a streamed answer.

    Attributes
    ----------
    text : str
        What was added.
    used : tuple of int, optional
        The server's count of input and output tokens, where it is in this piece.
    is_last : bool
        Whether the server says that the answer is whole.
    """

    text: str
    used: tuple[int, int] | None = None
    is_last: bool = False


class Chat(Protocol):
    """What speaks to a language model: one streamed answer to a prompt."""

    def __call__(self, system: str, user: str) -> Iterator[Piece]:
        """Give an answer piece by piece; raises what the vendor's library raises."""


def prompt(question: str, hits: Sequence[Hit]) -> str:
    """The passages and the question as the model gets them.

    Angle brackets in a passage are written as `&lt;`, so that no passage can end itself.
    """
    passages = "\n".join(
        f'<passage number="{number}" title="{html.escape(one_line(hit.chunk.title))}">\n'
        f"{html.escape(hit.chunk.text, quote=False)}\n</passage>"
        for number, hit in enumerate(hits, start=1)
    )
    asked = html.escape(one_line(clean(question)), quote=False)
    return f"{passages}\n\nQuestion: {asked}"


class LanguageModel:
    """Asks a model, as often as settings allow, and checks what it says.

    Parameters
    ----------
    chat : Chat
        What speaks to it.
    policy : Policy
        Its instructions.
    settings : Llm
        Attempts and times.
    support : float
        The least share of a sentence's words that a passage it cites must hold.
    budget : Budget
        What may be spent.
    pause : callable
        Waits some seconds between attempts.
    """

    def __init__(
        self,
        chat: Chat,
        policy: Policy,
        settings: Llm,
        support: float,
        budget: Budget,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._chat = chat
        self._policy = policy
        self._settings = settings
        self._support = support
        self._budget = budget
        self._pause = pause

    def answer(
        self,
        question: str,
        hits: Sequence[Hit],
        confidence: float,
        on_event: Callable[[str, str], None] = lambda kind, text: None,
    ) -> Answer:
        """Word an answer from passages.

        Parameters
        ----------
        question : str
            As a person asks it.
        hits : sequence of Hit
            The passages.
        confidence : float
            How sure it is that they hold the answer.
        on_event : callable
            Called with `"sentence"` and a supported sentence as soon as it is there, and with
            `"restart"` when all that was told so far is void because the model is asked again.

        Raises
        ------
        ModelUnavailable
            If no attempt gave a whole answer.
        BudgetSpentError
            If an attempt might cost more than is left.
        """
        shown = show(hits).hits
        if not shown:
            return Answer.none(confidence, "The passages found hold nothing but orders.")
        user = prompt(question, shown)
        usage, longest = Usage(), self._settings.longest_wait_seconds
        for attempt in range(self._settings.attempts):
            draft = _Draft(shown, self._support, on_event)
            try:
                usage += self._ask(draft, user)
                return replace(draft.answer(confidence, self._policy.refusal), usage=usage)
            except _Failure as failure:
                usage += failure.usage
                if draft.has_told:
                    on_event("restart", "")
                asked = failure.retry_after
                is_last = attempt == self._settings.attempts - 1
                # A server that wants more time than we have gets no second request.
                if is_last or not failure.may_pass or (asked or 0) > longest:
                    raise ModelUnavailable(f"The language model {failure}.", usage) from failure
                # Callers who failed together must not come back together.
                jitter = np.random.default_rng().uniform(0, _FIRST_PAUSE / 2)
                backoff = min(_FIRST_PAUSE * 2**attempt, longest) + jitter
                self._pause(backoff if asked is None else asked)
        raise AssertionError("`llm.attempts` is at least 1")

    def _ask(self, draft: "_Draft", user: str) -> Usage:
        """One attempt, paid for; what it took is in the failure too."""
        reserved = self._budget.reserve(self._policy.instructions + user)
        try:
            used = self._read(draft, user)
        except _Failure as failure:
            spent = self._budget.priced(0, 0) if failure.is_free else reserved
            failure.usage = self._budget.settle(reserved, spent)
            raise
        read, written = used or (0, reserved.output_tokens)
        spent = self._budget.priced(read or reserved.input_tokens, written)
        return self._budget.settle(reserved, spent)

    def _read(self, draft: "_Draft", user: str) -> tuple[int, int] | None:
        """Take an answer in; return the server's count of tokens, if it gives one."""
        used: tuple[int, int] | None = None
        whole = False
        until = time.monotonic() + self._settings.timeout_seconds
        try:
            for piece in self._chat(self._policy.instructions, user):
                draft.take(piece.text)
                whole = whole or piece.is_last
                if piece.used:
                    # Some servers count on in every piece, some tell input and output apart.
                    before = used or (0, 0)
                    used = max(before[0], piece.used[0]), max(before[1], piece.used[1])
                if time.monotonic() > until:
                    raise TimeoutError
                if len(draft.text) > _LONGEST_TOKEN * self._settings.max_tokens:
                    raise ValueError
        except Exception as error:
            raise _Failure.of(error) from error
        if not whole:
            raise _Failure("broke off in the middle of its answer")
        draft.finish()
        return used


class _Failure(Exception):
    """An attempt without a whole answer."""

    def __init__(
        self,
        words: str,
        may_pass: bool = True,
        is_free: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(words)
        self.may_pass = may_pass
        self.is_free = is_free
        self.retry_after = retry_after
        self.usage = Usage()

    @classmethod
    def of(cls, error: Exception) -> "_Failure":
        """What an exception of a vendor's library means; both vendors name them alike."""
        status = getattr(error, "status_code", None)
        if isinstance(status, int):
            words = {401: "refused the key", 403: "refused the key", 429: "is over its limit"}.get(
                status, "failed" if status >= 500 else "refused the request"
            )
            may_pass = status in (408, 409, 425, 429) or status >= 500
            return cls(f"{words} (status {status})", may_pass, True, _retry_after(error))
        names = " ".join(kind.__name__ for kind in type(error).__mro__)
        if "Timeout" in names:
            return cls("took too long")
        if re.search("RemoteProtocolError|ReadError|StreamError|IncompleteRead", names):
            return cls("broke off in the middle of its answer")
        if "APIConnectionError" in names or isinstance(error, OSError):
            return cls("cannot be reached", is_free=True)
        return cls("sent something that is not an answer")


def _retry_after(error: Exception) -> float | None:
    """Seconds that a server asks to wait; None if it does not say, or gives a date."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(float(headers.get("retry-after", "")), 0.0)
    except ValueError:
        return None


class _Draft:
    """An answer being written: sentences are checked as soon as their marks are there."""

    def __init__(
        self, hits: Sequence[Hit], support: float, on_event: Callable[[str, str], None]
    ) -> None:
        self.text = ""
        self._hits = hits
        self._share = support
        self._on_event = on_event
        self._checked = 0
        self._claims = 0
        self._supported: list[Support] = []

    @property
    def has_told(self) -> bool:
        """Whether a sentence of it was told."""
        return bool(self._supported)

    def take(self, text: str) -> None:
        """Add a piece."""
        self.text += text
        self._check(self._checked + finished(self.text[self._checked :]))

    def finish(self) -> None:
        """Check what is left when the answer is whole."""
        self._check(len(self.text))

    def _check(self, end: int) -> None:
        for claim in claims(self.text[self._checked : end]):
            self._claims += 1
            if support := check(claim, self._hits, self._share):
                self._supported.append(support)
                self._on_event("sentence", str(support))
        self._checked = end

    def answer(self, confidence: float, refusal: str) -> Answer:
        """What of the draft is told."""
        if not self._supported:
            refused = self.text.strip().upper().startswith(refusal)
            why = (
                "The language model found no answer in the passages."
                if refused
                else "Nothing that the language model said is supported by the passages it cites."
            )
            return Answer.none(confidence, why, "llm", 0 if refused else self._claims)
        kept = len(self._supported)
        left_out = self._claims - kept
        reason: str | None = None
        if left_out:
            reason = (
                f"{left_out} of {self._claims} sentences were not supported by the passages they "
                "cite and are left out."
            )
        sure = confidence * kept / self._claims
        return Answer.of(self._supported, sure, "llm", reason, self._claims)


def make_chat(settings: Llm, environment: DocumentEnvironment) -> Chat:
    """Connect to the configured model; nothing is sent yet.

    Raises
    ------
    ModelUnavailable
        If the key is not set.
    UserError
        If the packages are not installed.
    """
    try:
        model = (
            _anthropic(settings, environment)
            if settings.provider == "anthropic"
            else _openai(settings, environment)
        )
    except ImportError as error:
        raise UserError(
            f"A language model needs the package `{error.name}`: run `uv sync --extra llm`, or set "
            "`answers.by: extractive`."
        ) from error

    def chat(system: str, user: str) -> Iterator[Piece]:
        for chunk in model.stream([("system", system), ("human", user)]):
            metadata, used = chunk.response_metadata, chunk.usage_metadata
            counted = (used["input_tokens"], used["output_tokens"]) if used else None
            ended = metadata.get("finish_reason") or metadata.get("stop_reason")
            yield Piece(str(chunk.text), counted, bool(ended))

    return chat


def _openai(settings: Llm, environment: DocumentEnvironment) -> Any:
    from langchain_openai import ChatOpenAI
    from langchain_openai.chat_models.base import BaseChatOpenAI

    if not (environment.openai_api_key or environment.openai_base_url):
        raise ModelUnavailable("OPENAI_API_KEY is not set.")
    # Other servers know `max_tokens`, OpenAI's newer models only `max_completion_tokens`.
    kind: Any = BaseChatOpenAI if environment.openai_base_url else ChatOpenAI
    return kind(
        model=settings.model,
        temperature=settings.temperature,
        max_tokens=settings.max_tokens,
        timeout=settings.timeout_seconds,
        max_retries=0,
        api_key=environment.openai_api_key or "none",
        base_url=environment.openai_base_url,
        stream_usage=True,
    )


def _anthropic(settings: Llm, environment: DocumentEnvironment) -> Any:
    from langchain_anthropic import ChatAnthropic

    if not environment.anthropic_api_key:
        raise ModelUnavailable("ANTHROPIC_API_KEY is not set.")
    kind: Any = ChatAnthropic
    address = environment.anthropic_base_url
    return kind(
        model_name=settings.model,
        temperature=settings.temperature,
        max_tokens_to_sample=settings.max_tokens,
        timeout=settings.timeout_seconds,
        max_retries=0,
        api_key=environment.anthropic_api_key,
        **({"base_url": address} if address else {}),
    )
