"""What an answer is, whoever worded it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from ..retrieval.chunks import Chunk, Hit

NOTHING_FOUND = "The documents do not answer this question."
NOTHING_LEFT = (
    "What was found is withheld, since it gives orders to a language model; nothing else was found."
)
NOTHING_ELSE = "Apart from what is withheld, the documents do not answer this question."


@dataclass(frozen=True)
class Citation:
    """A chunk that an answer rests on.

    Attributes
    ----------
    chunk : Chunk
    score : float
        How near the retriever found it.
    quotes : tuple of str
        The chunk's own sentences that the answer rests on.
    """

    chunk: Chunk
    score: float
    quotes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usage:
    """What a language model was asked for and how much it took.

    Attributes
    ----------
    calls : int
        Requests, repeated ones included.
    input_tokens, output_tokens : int
        As the server counts them; our upper bound where it does not.
    cost : float
        In the budget's currency.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage(
            self.calls + other.calls,
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cost + other.cost,
        )


@dataclass(frozen=True)
class Support:
    """A sentence that is told, and the hits that support it with their own words."""

    text: str
    by: Sequence[tuple[Hit, str]]

    def __str__(self) -> str:
        """The sentence and the ids of its passages, as it is told."""
        return f"{self.text} {' '.join(f'[{hit.chunk.id}]' for hit, _ in self.by)}"


@dataclass(frozen=True)
class Answer:
    """An answer and what it rests on.

    Attributes
    ----------
    text : str
        What is told; every sentence ends with the ids of the passages it rests on, in brackets.
    citations : tuple of Citation
        Those passages; none if there is no answer.
    confidence : float
        Between 0 and 1: how sure it is that the passages hold the answer.
    abstained : bool
        Whether the answer is that there is none.
    answered_by : str
        `extractive` or `llm`.
    reason : str, optional
        Why it abstained, or why the language model was not used.
    usage : Usage
        What the language model took.
    claims : int
        Sentences that were made, before those without support were left out.
    supported : int
        Sentences that are told.
    passing : bool
        Whether asking again may give a better answer, so that this one is not kept.
    withheld : int
        Sentences of the passages that give orders to a language model, or hidden texts.
    """

    text: str
    citations: tuple[Citation, ...]
    confidence: float
    abstained: bool
    answered_by: str = "extractive"
    reason: str | None = None
    usage: Usage = Usage()
    claims: int = 0
    supported: int = 0
    passing: bool = False
    withheld: int = 0

    @classmethod
    def none(
        cls, confidence: float, reason: str, answered_by: str = "extractive", claims: int = 0
    ) -> Self:
        """The answer that there is none."""
        return cls(NOTHING_FOUND, (), confidence, True, answered_by, reason, claims=claims)

    def withholding(self, sentences: int, is_all: bool) -> Self:
        """The same answer, which also says how many sentences were withheld.

        Parameters
        ----------
        sentences : int
            How many.
        is_all : bool
            Whether nothing else was found.
        """
        if not sentences:
            return self
        many = sentences > 1
        said = (
            f"{sentences} sentence{'s' if many else ''} of the passages "
            f"{'give' if many else 'gives'} orders to a language model and "
            f"{'are' if many else 'is'} withheld."
        )
        text = self.text
        if self.abstained:
            text = NOTHING_LEFT if is_all else NOTHING_ELSE
        reason = f"{self.reason} {said}" if self.reason and not is_all else said
        return replace(self, text=text, reason=reason, withheld=sentences)

    @classmethod
    def of(
        cls,
        sentences: Sequence[Support],
        confidence: float,
        answered_by: str = "extractive",
        reason: str | None = None,
        claims: int | None = None,
    ) -> Self:
        """The answer that tells these sentences; each passage is cited once, with all its quotes."""
        hits: dict[str, Hit] = {}
        quotes: dict[str, dict[str, None]] = {}
        for hit, quote in (pair for each in sentences for pair in each.by):
            hits[hit.chunk.id] = hit
            quotes.setdefault(hit.chunk.id, {})[quote] = None
        return cls(
            " ".join(map(str, sentences)),
            tuple(
                Citation(hit.chunk, hit.score, tuple(quotes[name])) for name, hit in hits.items()
            ),
            confidence,
            False,
            answered_by,
            reason,
            claims=len(sentences) if claims is None else claims,
            supported=len(sentences),
        )
