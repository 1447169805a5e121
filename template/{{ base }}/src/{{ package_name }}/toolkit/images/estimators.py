"""Rungs that look pictures up: scikit-learn's interface over features that stay on disk."""

import copy
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin

from ...features import View


class Seen(ClassifierMixin, BaseEstimator):
    """A classifier that is given positions of pictures and sees their features.

    Parameters
    ----------
    view : View
        How pictures are seen.
    rows : ndarray of shape (N, d)
        The features of all pictures of a listing, usually memory-mapped.
    model : estimator
        Takes float32 features.
    """

    def __init__(self, view: View, rows: NDArray[Any], model: Any) -> None:
        self.view = view
        self.rows = rows
        self.model = model

    def fit(self, x: NDArray[np.intp], y: NDArray[np.int64]) -> Self:
        """Fit on the pictures at positions `x`, shape (n,)."""
        self.model.fit(self.inputs(x), y)
        self.classes_ = self.model.classes_
        return self

    def inputs(self, x: NDArray[np.intp]) -> NDArray[np.float32]:
        """What the model takes of the pictures at positions `x`, shape (n, d)."""
        return self.view.inputs(np.asarray(self.rows[x]))

    def predict_proba(self, x: NDArray[np.intp]) -> NDArray[np.float64]:
        """Probabilities, shape (n, classes)."""
        return np.asarray(self.model.predict_proba(self.inputs(x)), dtype=np.float64)

    def predict(self, x: NDArray[np.intp]) -> NDArray[np.int64]:
        """Class codes, shape (n,)."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(x), axis=1)])

    def over(self, rows: NDArray[Any]) -> Self:
        """The same fitted classifier over the features of other pictures."""
        other = copy.copy(self)
        other.rows = rows
        return other
