"""What is measured of a model's predictions for the test rows, whatever the rows are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from ..project.settings import Costs
from ..training.threshold import total_cost
from .display import smaller_is_better
from .intervals import Scores, bootstrap
from .openings import FIGURES as FIGURES
from .openings import METRICS as METRICS
from .review import outcome
from .scores import class_scores, value_scores

CURVE_POINTS = 200


def no_scores(y: NDArray[Any], predictions: NDArray[Any], decisions: NDArray[Any]) -> Scores:
    """None beside the usual ones."""
    return {}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores and curves of the predictions for one set of test rows.

    Attributes
    ----------
    y : ndarray of shape (n,)
        Class codes, 1 the positive one of two; or values.
    task : {"binary", "multiclass", "regression"}
    given_threshold : float or None
        From it on, the answer is the positive class of two; 0.5 otherwise.
    costs : Costs
        What a wrong answer costs, with two classes.
    seed : int
    time : ndarray of shape (n,), optional
        When each row happened; rows of a day are resampled together.
    floor : float, optional
        The confidence under which a prediction goes to a person.
    own_scores : callable, optional
        From the truth, the predictions and the decisions to further scores, higher is better.
    """

    y: NDArray[Any]
    task: str
    given_threshold: float | None
    costs: Costs
    seed: int
    time: NDArray[Any] | None = None
    floor: float | None = None
    own_scores: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Scores] = no_scores

    @property
    def threshold(self) -> float:
        """The threshold that decides."""
        return 0.5 if self.given_threshold is None else self.given_threshold

    def decisions(
        self, predictions: NDArray[np.float64], threshold: float | None = None
    ) -> NDArray[Any]:
        """Class codes as the service decides them, or the values themselves."""
        if self.task == "regression":
            return predictions
        if self.task == "binary":
            cut = self.threshold if threshold is None else threshold
            return (predictions[:, 1] >= cut).astype(np.int64)
        return np.argmax(predictions, axis=1)

    def score(
        self,
        predictions: NDArray[np.float64],
        rows: Any = slice(None),
        threshold: float | None = None,
    ) -> Scores:
        """All scores of some rows, and with two classes what the decisions cost."""
        y, given = self.y[rows], predictions[rows]
        decisions = self.decisions(given, threshold)
        classes = self.task != "regression"
        scores = class_scores(y, given, decisions) if classes else value_scores(y, given)
        scores |= self.own_scores(y, given, decisions)
        if self.task == "binary":
            scores["cost_per_1000"] = 1000 * self._cost(y, given, threshold) / len(y)
        return scores

    def _cost(
        self, y: NDArray[Any], predictions: NDArray[np.float64], threshold: float | None = None
    ) -> float:
        costs = self.costs
        cut = self.threshold if threshold is None else threshold
        return total_cost(
            y == 1, predictions[:, 1], cut, costs.false_positive, costs.false_negative
        )

    def scores(self, predictions: NDArray[np.float64], base: NDArray[np.float64]) -> dict[str, Any]:
        """Scores of the chosen model and the baseline, with intervals of both and of the gain.

        The baseline decides at 0.5, as anyone who had no costs in mind would. A gain is positive
        where the model is better, whichever way the metric runs.
        """
        chosen, baseline = self.score(predictions), self.score(base, threshold=0.5)
        days = None
        if self.time is not None:
            days = self.time.astype("datetime64[D]")
            days = days if len(np.unique(days)) >= 20 else None

        def both(rows: NDArray[np.intp]) -> Scores:
            own, other = self.score(predictions, rows), self.score(base, rows, threshold=0.5)
            return {**own, **{f"gain:{name}": gain for name, gain in _gains(own, other).items()}}

        draws = 200 if len(self.y) <= 20_000 else 100
        intervals = bootstrap(both, len(self.y), groups=days, draws=draws, seed=self.seed)
        return {
            "chosen": chosen,
            "baseline": baseline,
            "intervals": {name: ci for name, ci in intervals.items() if name in chosen},
            "gain": {
                name: {"value": gain, "ci": intervals[f"gain:{name}"]}
                for name, gain in _gains(chosen, baseline).items()
            },
            "interval_unit": "days" if days is not None else "rows",
        }

    def curves(self, predictions: NDArray[np.float64]) -> dict[str, Any]:
        """Confusion matrix, curves, calibration, money and reviews; residuals of numbers."""
        y = self.y
        if self.task == "regression":
            picked = np.random.default_rng(self.seed).permutation(len(y))[:1000]
            pairs = [{"actual": float(y[i]), "predicted": float(predictions[i])} for i in picked]
            return {"confusion_matrix": None, "threshold": None, "money": None, "residuals": pairs}
        codes = np.arange(predictions.shape[1])
        decisions = self.decisions(predictions)
        curves: dict[str, Any] = {
            "confusion_matrix": confusion_matrix(y, decisions, labels=codes).tolist(),
            "threshold": self.threshold if self.task == "binary" else None,
            "money": None,
        }
        top, right = predictions.max(axis=1), np.argmax(predictions, axis=1) == y
        curves["calibration"] = _calibration(top, right)
        if self.floor is not None:
            curves["review"] = outcome(self.floor, top, decisions == y)
        if self.task == "binary":
            curves["calibration"] = _calibration(predictions[:, 1], y == 1)
            curves["money"] = self._money(predictions)
            if len(np.unique(y)) == 2:
                fpr, tpr, _ = roc_curve(y, predictions[:, 1])
                precision, recall, _ = precision_recall_curve(y, predictions[:, 1])
                curves["roc"] = _thinned(fpr, tpr)
                curves["pr"] = _thinned(recall, precision)
        return curves

    def _money(self, predictions: NDArray[np.float64]) -> dict[str, Any]:
        costs, value = self.costs, self.threshold

        def cost(threshold: float) -> float:
            return self._cost(self.y, predictions, threshold)

        saving = cost(0.5) - cost(value)
        return {
            "value": value,
            "source": "the cheapest on out-of-fold predictions of the training rows",
            "costs": costs.model_dump(exclude={"currency"}),
            "cost_at_threshold": cost(value),
            "cost_at_half": cost(0.5),
            "saving": saving,
            "saving_per_1000": 1000 * saving / len(predictions),
            "currency": costs.currency,
            "curve": [[float(t), cost(float(t))] for t in np.linspace(0, 1, 101)],
        }

    def loss(self, y: NDArray[Any], predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Error of each row: log loss of a class, absolute error of a number."""
        if self.task == "regression":
            return np.asarray(np.abs(y - predictions), dtype=np.float64)
        return np.asarray(-np.log(np.clip(predictions[np.arange(len(y)), y], 1e-15, 1)))


def _gains(own: Scores, other: Scores) -> Scores:
    return {
        name: other[name] - own[name] if smaller_is_better(name) else own[name] - other[name]
        for name in own
        if name in other
    }


def _calibration(probability: NDArray[np.float64], hit: NDArray[np.bool_]) -> dict[str, Any]:
    """Ten bins with equally many rows, and their mean gap weighted by size (expected error)."""
    if len(np.unique(hit)) < 2:
        return {"bins": [], "ece": None}
    observed, predicted = calibration_curve(hit, probability, n_bins=10, strategy="quantile")
    edges = np.quantile(probability, np.linspace(0, 1, 11)[1:-1])
    sizes = np.bincount(np.searchsorted(edges, probability), minlength=10)
    sizes = sizes[sizes > 0]
    bins = [
        {"mean_predicted": float(p), "observed": float(o), "n": int(n)}
        for p, o, n in zip(predicted, observed, sizes, strict=False)
    ]
    total = sum(b["n"] for b in bins)
    ece = sum(b["n"] * abs(b["mean_predicted"] - b["observed"]) for b in bins) / total
    return {"bins": bins, "ece": float(ece)}


def _thinned(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[list[float]]:
    kept = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).astype(int))
    return [[float(x[i]), float(y[i])] for i in kept]
