"""How sure it is that the documents answer a question: learned from the training questions.

A retriever always finds something. Whether there is anything to find shows in how near the best passage
is, how far it stands out from the others, and whether the corpus knows the question's words at all. A
logistic regression on these signals, fitted on training questions that the documents answer and on some
that they do not, turns them into one number between 0 and 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from ..documents.passages import Hit
from ..documents.tokenize import stems

SIGNALS = ("similarity", "standing_out", "coverage", "unknown")
FEWEST = 5  # questions of either kind; with fewer, the default is used


def signals(
    question: str, hits: Sequence[Hit], vocabulary: frozenset[str] = frozenset()
) -> dict[str, float]:
    """What can be seen of how well hits fit a question.

    Parameters
    ----------
    question : str
        As a person asks it.
    hits : sequence of Hit
        What the retriever found, best first.
    vocabulary : frozenset of str
        The stems of the whole corpus; an empty one tells nothing.

    Returns
    -------
    dict of float
        `similarity`: largest cosine of the embeddings, 0 where there are none. `standing_out`: how
        far it lies above their mean. `coverage`: largest share of the question's content words in
        one passage. `unknown`: share of them that the corpus does not have.
    """
    asked = stems(question)
    if not hits or not asked:
        return {**dict.fromkeys(SIGNALS, 0.0), "unknown": 1.0}
    held = [asked & stems(f"{hit.chunk.title}\n{hit.chunk.text}") for hit in hits]
    cosines = [hit.similarity or 0.0 for hit in hits]
    return {
        "similarity": max(cosines),
        "standing_out": max(cosines) - sum(cosines) / len(cosines),
        "coverage": max(len(words) for words in held) / len(asked),
        "unknown": len(asked - vocabulary) / len(asked) if vocabulary else 0.0,
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
        return cls({"similarity": 2.0, "coverage": 6.0, "unknown": -4.0}, -3.5)

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


def fit(seen: Sequence[Mapping[str, float]], answerable: Sequence[bool]) -> Calibration:
    """Learn the weights.

    Both kinds of questions weigh the same, however many of each there are, so that a confidence of
    one half means even odds whatever the share of unanswerable questions.

    Parameters
    ----------
    seen : sequence of mapping
        What `signals` saw, for each training question.
    answerable : sequence of bool
        Whether the documents answer it.

    Returns
    -------
    Calibration
        The default where there are fewer than five questions of a kind.
    """
    from sklearn.linear_model import LogisticRegression

    y = np.array(answerable, dtype=bool)
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
