"""A language model words the answer; what it says is checked sentence by sentence.

The model sees numbered passages with orders taken out (`prompt_injection`), and is asked for sentences
that end with the numbers of the passages they rest on. Whatever goes wrong on the way (time-outs, 429,
500, answers cut in the middle or not JSON) is tried again with growing pauses, and a server's
`Retry-After` is kept to. If that does not help, `ModelUnavailable` says why, and the extractive answer
is given instead. So it is where the server stopped for another reason than that the answer is whole,
and where the account has no quota left; neither passes by asking again.

The vendors' libraries can retry too, but neither a stream that breaks off in the middle nor do they
tell a spent quota from a limit that passes; and each of our attempts is counted against the budget
before it is made.
"""

import html
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import numpy as np

from ..documents.settings import Llm
from ..documents.tokenize import clean, one_line
from ..retrieval.chunks import Hit
from .answer import Answer, Support, Usage
from .budget import Budget
from .chat import Chat, ModelUnavailable, ServerError, fault_of, without_working
from .citations import check, claims, finished, is_finished
from .policy import Policy
from .prompt_injection import show

OnEvent = Callable[[str, str], None]
_NO_QUOTA = re.compile(
    r"insufficient[_ ](?:quota|credit|balance|fund)|current quota|billing|credit balance", re.I
)
_FIRST_PAUSE = 0.5  # seconds
_LONGEST_TOKEN = 32  # characters; an answer that is longer throughout ignores `max_tokens`


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
        # Whether sentences are told as they come. Where the mark that opens a model's working text is
        # in the server's prompt, only the closing one tells what was not meant for a reader, so the
        # first answer is told when it is whole, and the next ones as they come if it had no such mark.
        self._is_open = False

    def answer(
        self,
        question: str,
        hits: Sequence[Hit],
        confidence: float,
        on_event: OnEvent = lambda kind, text: None,
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
            Called with `"sentence"` and a supported sentence as soon as it is there (in the first
            answer, when that is whole), and with `"restart"` when all that was told so far is void.

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
            draft = _Draft(shown, self._support, on_event, self._is_open)
            try:
                usage += self._ask(draft, user)
                self._is_open = not draft.was_void
                return replace(draft.answer(confidence, self._policy.refusal), usage=usage)
            except _Failure as failure:
                usage += failure.usage
                draft.void()
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
        reason, whole = None, False
        until = time.monotonic() + self._settings.timeout_seconds
        try:
            for piece in self._chat(self._policy.instructions, user):
                draft.take(piece.text)
                reason, whole = reason or piece.reason, whole or piece.is_last
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
        if reason and (fault := fault_of(reason)):
            raise _Failure(*fault)
        # Some servers give no reason, and some no end mark either.
        if not (reason or whole or is_finished(draft.shown)):
            raise _Failure("broke off in the middle of its answer")
        if not draft.shown.strip():
            raise _Failure("gave an empty answer")
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
        body = getattr(error, "body", None)
        status = getattr(error, "status_code", None)
        if isinstance(error, ServerError) and isinstance(body, dict):
            status = body.get("code") or body.get("status") or 500
        if isinstance(status, int) or isinstance(error, ServerError):
            status = status if isinstance(status, int) else 500
            if status == 402 or (status in (429, 500) and _NO_QUOTA.search(str(body))):
                return cls(f"has no quota left (status {status})", False, True)
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
    """Seconds that a server asks to wait, given as such or by a date; None if it does not say."""
    asked = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    try:
        return max(float(asked), 0.0)
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max((until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0.0)


class _Draft:
    """An answer being written: sentences are checked as soon as their marks are there.

    Parameters
    ----------
    hits : sequence of Hit
        The passages.
    support : float
        As `answers.support`.
    on_event : callable
        As for `LanguageModel.answer`.
    is_open : bool
        Whether sentences are told before the answer is whole.
    """

    def __init__(
        self, hits: Sequence[Hit], support: float, on_event: OnEvent, is_open: bool
    ) -> None:
        self.text = ""
        self.shown = ""  # without the model's working text
        self.was_void = False
        self._hits = hits
        self._share = support
        self._on_event = on_event
        self._is_open = is_open
        self._start()

    def _start(self) -> None:
        self._checked = self._claims = self._told = 0
        self._supported: list[Support] = []

    def take(self, text: str) -> None:
        """Add a piece."""
        self.text += text
        known, self.shown = self.shown[: self._checked], without_working(self.text)
        if not self.shown.startswith(known):  # it was working text: its end has come
            self.void()
            self._start()
        self._check(self._checked + finished(self.shown[self._checked :]))

    def void(self) -> None:
        """Take back what was told."""
        self.was_void = True
        if self._told:
            self._on_event("restart", "")

    def finish(self) -> None:
        """Check what is left when the answer is whole, and tell what was not told yet."""
        self._is_open = True
        self._check(len(self.shown))

    def _check(self, end: int) -> None:
        for claim in claims(self.shown[self._checked : end]):
            self._claims += 1
            if support := check(claim, self._hits, self._share):
                self._supported.append(support)
        self._checked = end
        if self._is_open:
            for support in self._supported[self._told :]:
                self._on_event("sentence", str(support))
            self._told = len(self._supported)

    def answer(self, confidence: float, refusal: str) -> Answer:
        """What of the draft is told."""
        if not self._supported:
            said = " ".join(re.findall(r"\w+", self.shown)).upper()
            refused = said.startswith(refusal)
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
