"""A classifier that looks features up: scikit-learn's interface over features that stay on disk."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline

from .export import export_estimator
from .extractors import FeatureExtractor
from .feature_cache import FeatureCache


class CachedClassifier(ClassifierMixin, BaseEstimator):
    """A classifier that is given positions of images, and trains on their cached features.

    Parameters
    ----------
    cache : FeatureCache
        Of the dataset that the positions refer to.
    extractor : FeatureExtractor
        What the model is given of an image.
    model : estimator
        Takes float32 features.
    """

    def __init__(self, cache: FeatureCache, extractor: FeatureExtractor, model: Any) -> None:
        self.cache = cache
        self.extractor = extractor
        self.model = model

    def fit(self, x: NDArray[np.intp], y: NDArray[np.int64]) -> Self:
        """Fit on the images at positions `x`, shape (n,), each as much as its label is certain."""
        weights = self.cache.dataset.weights[x]
        # A pipeline hands weights on to the step that is named.
        last = f"{self.model.steps[-1][0]}__" if isinstance(self.model, Pipeline) else ""
        uneven = {f"{last}sample_weight": weights} if np.ptp(weights) else {}
        self.model.fit(self.extractor.inputs(self.rows(x)), y, **uneven)
        self.classes_ = self.model.classes_
        return self

    def rows(self, x: NDArray[np.intp]) -> NDArray[Any]:
        """The extracted rows of the images at positions `x`, shape (n, d)."""
        return np.asarray(self.cache.features(self.extractor)[x])

    def predict_rows(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of extracted rows (n, d), of whichever images, shape (n, classes)."""
        given = self.extractor.inputs(rows)
        return np.asarray(self.model.predict_proba(given), dtype=np.float64)

    def predict_proba(self, x: NDArray[np.intp]) -> NDArray[np.float64]:
        """Probabilities of the images at positions `x`, shape (n, classes)."""
        return self.predict_rows(self.rows(x))

    def predict(self, x: NDArray[np.intp]) -> NDArray[np.int64]:
        """Class codes of the images at positions `x`, shape (n,)."""
        return np.asarray(self.classes_[np.argmax(self.predict_proba(x), axis=1)])

    def write_onnx(self, file: Path) -> None:
        """Write the fitted model: float32 `x` (n, d) to `probabilities` (n, classes)."""
        export_estimator(self.model, self.cache.features(self.extractor).shape[1], file)
