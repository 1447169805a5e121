"""Scores for classes and for numbers."""

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from .intervals import Scores as Scores
from .intervals import bootstrap as bootstrap


def class_scores(
    y: NDArray[np.int64], probability: NDArray[np.float64], predicted: NDArray[np.int64]
) -> Scores:
    """Scores of classified rows.

    Parameters
    ----------
    y : ndarray of shape (n,)
        True class codes 0..K-1.
    probability : ndarray of shape (n, K)
        Predicted probabilities.
    predicted : ndarray of shape (n,)
        Class codes as answered (with two classes, after the threshold).

    Returns
    -------
    dict of str to float
        With two classes, precision and its kin are those of class 1; with more, means over the
        classes. A score that these rows cannot have (one class only) is left out.
    """
    classes = probability.shape[1]
    two = classes == 2
    average = "binary" if two else "macro"
    # Served probabilities are float32, whose sum is 1 but for rounding.
    probability = probability / probability.sum(axis=1, keepdims=True)
    precision, recall, f1, _ = sk.precision_recall_fscore_support(
        y, predicted, average=average, zero_division=0.0
    )
    likelihood = np.clip(probability[np.arange(len(y)), y], np.finfo(np.float64).eps, 1)
    scores = {
        "accuracy": np.mean(predicted == y),
        "balanced_accuracy": _balanced(y, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "log_loss": -np.mean(np.log(likelihood)),
    }
    present = np.unique(y)
    if two and len(present) == 2:
        scores["roc_auc"] = sk.roc_auc_score(y, probability[:, 1])
        scores["average_precision"] = sk.average_precision_score(y, probability[:, 1])
    if not two and len(present) == classes:
        scores["roc_auc"] = sk.roc_auc_score(y, probability, multi_class="ovr", average="macro")
        scores["average_precision"] = sk.average_precision_score(np.eye(classes)[y], probability)
    if two:
        scores["brier"] = sk.brier_score_loss(y, probability[:, 1], labels=[0, 1])
    return {name: float(score) for name, score in scores.items()}


def _balanced(y: NDArray[np.int64], predicted: NDArray[np.int64]) -> float:
    present = np.unique(y)
    return float(np.mean([np.mean(predicted[y == label] == label) for label in present]))


def value_scores(y: NDArray[np.float64], predicted: NDArray[np.float64]) -> Scores:
    """Scores of predicted numbers, in the target's unit; MAPE is left out where a truth is 0."""
    scores = {
        "mae": sk.mean_absolute_error(y, predicted),
        "rmse": sk.root_mean_squared_error(y, predicted),
        "median_absolute_error": sk.median_absolute_error(y, predicted),
    }
    if len(y) > 1:
        scores["r2"] = sk.r2_score(y, predicted)
    if np.all(np.abs(y) > 1e-9):
        scores["mape"] = sk.mean_absolute_percentage_error(y, predicted)
    return {name: float(score) for name, score in scores.items()}
