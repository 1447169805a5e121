"""How sure it is that the passages hold the answer: learned from the training questions.

A retriever always finds something. Whether it found what was asked for shows in how near the best
passage is, how much of the question's words it holds, and how far it stands out from the others. A
logistic regression on these signals, fitted on the training questions (a relevant document among the
passages, or not), turns them into one number between 0 and 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from ..passages import Hit
from .words import stems

SIGNALS = ("similarity", "coverage", "coverage_of_all", "standing_out")
FEWEST = 5  # questions of either kind; with fewer, the default is used


def signals(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """What can be seen of how well hits fit a question.

    Returns
    -------
    dict of float
        `similarity`: largest cosine of the embeddings, 0 where there are none. `coverage`: largest
        share of the question's content words in one passage. `coverage_of_all`: share in any of
        them. `standing_out`: how far the best score lies above the last, as a share of the best.
    """
    asked = stems(question)
    if not hits or not asked:
        return dict.fromkeys(SIGNALS, 0.0)
    held = [asked & stems(f"{hit.chunk.title}\n{hit.chunk.text}") for hit in hits]
    best, last = hits[0].score, hits[-1].score
    return {
        "similarity": max((hit.similarity or 0.0) for hit in hits),
        "coverage": max(len(words) for words in held) / len(asked),
        "coverage_of_all": len(frozenset().union(*held)) / len(asked),
        "standing_out": (best - last) / abs(best) if best else 0.0,
    }


@dataclass(frozen=True)
class Calibration:
    """Weights of the signals.

    Attributes
    ----------
    weights : mapping of str to float
        Of the signals as they are; one that is not named weighs nothing.
    intercept : float
        What is added.
    learned_from : int
        Questions it was fitted on; 0 for the default.
    """

    weights: Mapping[str, float]
    intercept: float
    learned_from: int = 0

    @classmethod
    def default(cls) -> Self:
        """For a corpus without labelled questions: half the question's words make it even odds."""
        return cls({"similarity": 2.0, "coverage": 6.0}, -3.5)

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | None) -> Self:
        """What `to_json` wrote; None gives the default."""
        return cls(**value) if value else cls.default()

    def to_json(self) -> dict[str, Any]:
        """For the bundle's metadata."""
        return asdict(self)

    def confidence(self, seen: Mapping[str, float]) -> float:
        """The confidence, from 0 to 1, for what `signals` saw."""
        z = self.intercept + sum(weight * seen[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def fit(seen: Sequence[Mapping[str, float]], right: Sequence[bool]) -> Calibration:
    """Learn the weights.

    Both kinds of questions weigh the same, however many of each there are, so that a confidence of
    one half means even odds whatever the share of unanswerable questions.

    Parameters
    ----------
    seen : sequence of mapping
        What `signals` saw, for each training question.
    right : sequence of bool
        Whether a relevant document was among the passages.

    Returns
    -------
    Calibration
        The default where there are fewer than five questions of a kind.
    """
    from sklearn.linear_model import LogisticRegression

    y = np.array(right, dtype=bool)
    if min(y.sum(), (~y).sum()) < FEWEST:
        return Calibration.default()
    X = np.array([[each[name] for name in SIGNALS] for each in seen])
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(class_weight="balanced", C=1.0).fit((X - mean) / scale, y)
    weights = model.coef_[0] / scale
    return Calibration(
        dict(zip(SIGNALS, weights.tolist(), strict=True)),
        float(model.intercept_[0] - weights @ mean),
        len(y),
    )
