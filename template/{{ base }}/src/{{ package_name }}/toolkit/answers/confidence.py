"""How sure it is that what would be quoted answers a question: learned from the training questions.

A retriever always finds something. A logistic regression on features of what it found, fitted on
training questions whose answer rests on a relevant document and on some whose does not, turns them into
one number between 0 and 1.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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


def out_of_fold(
    features: Sequence[Mapping[str, float]],
    found: Sequence[bool],
    fallback: Calibration,
    seed: int,
    folds: int = 5,
) -> NDArray[np.float64]:
    """The confidence of each question by a calibration that was fitted on others, shape (n,)."""
    confidences = np.zeros(len(features))
    for part in np.array_split(np.random.default_rng(seed).permutation(len(features)), folds):
        others = np.setdiff1d(np.arange(len(features)), part)
        calibration = fit_calibration(
            [features[row] for row in others], [found[row] for row in others], fallback
        )
        confidences[part] = [calibration.confidence(features[row]) for row in part]
    return confidences


def fit_calibration(
    features: Sequence[Mapping[str, float]], found: Sequence[bool], fallback: Calibration
) -> Calibration:
    """Learn the weights.

    Neither kind of question is weighed up, so that of answers with a confidence of 0.7 seven in ten
    rest on a document that answers, where people ask as the training questions do.

    Parameters
    ----------
    features : sequence of mapping
        Of each training question, the same names for all.
    found : sequence of bool
        Whether what would be quoted is of a document that answers it.
    fallback : Calibration
        Taken where there are fewer than five questions of a kind.
    """
    from sklearn.linear_model import LogisticRegression

    y = np.array(found, dtype=bool)
    if min(y.sum(), (~y).sum()) < FEWEST:
        return fallback
    names = list(features[0])
    X = np.array([[each[name] for name in names] for each in features])
    mean, scale = X.mean(axis=0), X.std(axis=0)
    scale[scale == 0] = 1.0
    model = LogisticRegression(C=1.0).fit((X - mean) / scale, y)
    weights = model.coef_[0] / scale
    return Calibration(
        dict(zip(names, weights.tolist(), strict=True)),
        float(model.intercept_[0] - weights @ mean),
        len(y),
    )
