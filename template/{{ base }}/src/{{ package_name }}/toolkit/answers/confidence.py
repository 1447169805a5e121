"""How sure it is that the documents answer a question: learned from the training questions.

A retriever always finds something. A logistic regression on features of what it found, fitted on
training questions that the documents answer and on some that they do not, turns them into one number
between 0 and 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

FEWEST = 5  # questions of either kind; with fewer, nothing is fitted


@dataclass(frozen=True)
class Calibration:
    """Weights of the features.

    Attributes
    ----------
    weights : mapping of str to float
        Of the features as they are; one that is not named weighs nothing.
    intercept : float
        What is added.
    learned_from : int
        Questions it was fitted on; 0 if it was not.
    """

    weights: Mapping[str, float]
    intercept: float
    learned_from: int = 0

    def to_json(self) -> dict[str, Any]:
        """For the bundle's metadata; `Calibration(**value)` reads it."""
        return asdict(self)

    def confidence(self, features: Mapping[str, float]) -> float:
        """The confidence, from 0 to 1."""
        z = self.intercept + sum(weight * features[name] for name, weight in self.weights.items())
        return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def fit_calibration(
    features: Sequence[Mapping[str, float]], answerable: Sequence[bool], fallback: Calibration
) -> Calibration:
    """Learn the weights.

    Both kinds of questions weigh the same, however many of each there are, so that a confidence of
    one half means even odds whatever the share of unanswerable questions.

    Parameters
    ----------
    features : sequence of mapping
        Of each training question, the same names for all.
    answerable : sequence of bool
        Whether the documents answer it.
    fallback : Calibration
        Taken where there are fewer than five questions of a kind.
    """
    from sklearn.linear_model import LogisticRegression

    y = np.array(answerable, dtype=bool)
    if min(y.sum(), (~y).sum()) < FEWEST:
        return fallback
    names = list(features[0])
    X = np.array([[each[name] for name in names] for each in features])
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(class_weight="balanced", C=1.0).fit((X - mean) / scale, y)
    weights = model.coef_[0] / scale
    return Calibration(
        dict(zip(names, weights.tolist(), strict=True)),
        float(model.intercept_[0] - weights @ mean),
        len(y),
    )
