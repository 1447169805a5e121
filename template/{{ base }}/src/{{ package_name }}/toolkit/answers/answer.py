"""What an answer is, whoever worded it."""

from dataclasses import dataclass, replace
from typing import Any, Self

from ..documents.passages import Chunk, Hit

NOTHING_FOUND = "The documents do not answer this question."


@dataclass(frozen=True)
class Citation:
    """A passage that an answer rests on.

    Attributes
    ----------
    chunk : Chunk
        The passage.
    score : float
        How near the retriever found it.
    quotes : tuple of str
        The passage's own sentences that the answer rests on.
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

    @classmethod
    def none(
        cls, confidence: float, reason: str, answered_by: str = "extractive", claims: int = 0
    ) -> Self:
        """The answer that there is none."""
        return cls(NOTHING_FOUND, (), confidence, True, answered_by, reason, claims=claims)

    def because(self, reason: str, usage: Usage, passing: bool) -> "Answer":
        """The same answer, given instead of another for a reason."""
        return replace(self, reason=reason, usage=usage, passing=passing)

    def to_json(self, review_floor: float) -> dict[str, Any]:
        """What the service answers and `predict` writes, but for the version and the time."""
        return {
            "prediction": "abstained" if self.abstained else "answered",
            "answer": self.text,
            "confidence": self.confidence,
            "needs_review": self.abstained or self.confidence < review_floor,
            "answered_by": self.answered_by,
            "reason": self.reason,
            "citations": [
                {
                    "id": each.chunk.id,
                    "doc": each.chunk.doc,
                    "title": each.chunk.title,
                    "text": each.chunk.text,
                    "quotes": list(each.quotes),
                    "score": each.score,
                }
                for each in self.citations
            ],
        }


def found_json(hit: Hit) -> dict[str, Any]:
    """A hit as `/search` answers it."""
    return {
        "id": hit.chunk.id,
        "doc": hit.chunk.doc,
        "title": hit.chunk.title,
        "text": hit.chunk.text,
        "score": hit.score,
    }
