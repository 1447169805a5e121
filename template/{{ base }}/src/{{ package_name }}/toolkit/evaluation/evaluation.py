"""What is measured of a model's predictions for the test rows, whatever the rows are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from ..project.errors import UserError
from ..project.settings import Costs
from ..training.decisions import cost_of_rows, decide
from ..training.scoring import score_predictions
from .display import AT_HALF, metric_key, names_of, smaller_is_better
from .intervals import Scores, Units, bootstrap
from .openings import FIGURES as FIGURES
from .openings import METRICS as METRICS
from .review import coverage, judge_review
from .scores import class_scores, value_scores
from .verdicts import repeated

CURVE_POINTS = 200
THRESHOLDS = {"always": 0.0, "never": 2.0}  # that every probability reaches, and that none does


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
    described : mapping
        Of the bundle's metadata `threshold`, `interval`, `sets` and `review`.
    costs : Costs
        What a wrong decision costs, with two classes.
    units : Units
        What is resampled: what the split kept on one side.
    seed : int
    median : float, optional
        Of the training values: the constant with the least absolute error.
    own_scores : callable, optional
        From the truth, the predictions and the decisions to further scores, higher is better.
    """

    y: NDArray[Any]
    task: str
    described: Mapping[str, Any]
    costs: Costs
    units: Units
    seed: int
    median: float | None = None
    own_scores: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Scores] = no_scores

    def decisions(self, predictions: NDArray[np.float64]) -> NDArray[Any]:
        """Class codes as the service decides them, or the values themselves."""
        return decide(predictions, self.described["threshold"])

    def score(
        self,
        predictions: NDArray[np.float64],
        rows: Any = slice(None),
        threshold: float | None = None,
    ) -> Scores:
        """All scores of some rows, and with two classes what the decisions cost."""
        y, given = self.y[rows], predictions[rows]
        cut = self.described["threshold"] if threshold is None else threshold
        decisions = decide(given, cut)
        classes = self.task != "regression"
        scores = class_scores(y, given, decisions) if classes else value_scores(y, given)
        scores |= self.own_scores(y, given, decisions)
        if self.task == "binary":
            scores["cost_per_1000"] = 1000 * self._cost(y, given, cut) / len(y)
        return scores

    def _cost(self, y: NDArray[Any], predictions: NDArray[np.float64], threshold: float) -> float:
        costs = self.costs.model_dump()
        return float(cost_of_rows(y, decide(predictions, threshold), costs).sum())

    def score_constant(self, base: NDArray[np.float64], rows: Any = slice(None)) -> Scores:
        """The scores of the first candidate, bettered where another constant does better.

        That is the cheaper of always and never for the cost, always for F1 (Lipton, Elkan and
        Narayanaswamy 2014, "Thresholding Classifiers to Maximize F1 Score"), the median for absolute
        errors, and 0 for R2.
        """
        if self.task == "multiclass":
            return self.score(base, rows)
        y = self.y[rows]
        if self.task == "binary":
            scores, share = self.score(base, rows, threshold=0.5), float(y.mean())
            best = THRESHOLDS[self._cheapest_constant()]
            return scores | {
                "cost_per_1000": 1000 * self._cost(y, base[rows], best) / len(y),
                "f1": max(scores["f1"], 2 * share / (1 + share)),
            }
        scores = self.score(base, rows)
        if self.median is not None:
            middle = value_scores(y, np.full(len(y), self.median))
            absolute = ("mae", "median_absolute_error", "mape")
            scores |= {each: min(scores[each], middle[each]) for each in absolute if each in scores}
        return scores | ({"r2": max(scores["r2"], 0.0)} if "r2" in scores else {})

    def _cheapest_constant(self) -> str:
        """`always` or `never`, whichever costs less on all rows."""
        wrongly, missed = self.costs.false_positive, self.costs.false_negative
        always = wrongly * np.count_nonzero(self.y == 0) < missed * np.count_nonzero(self.y == 1)
        return "always" if always else "never"

    def measure(
        self,
        predictions: NDArray[np.float64],
        base: NDArray[np.float64],
        ladder: dict[str, Any],
    ) -> dict[str, Any]:
        """All that is measured of the chosen model, beside the best constant.

        Parameters
        ----------
        predictions, base : ndarray of shape (n, classes) or (n,)
            Of the chosen model, and of the first candidate, which ignores the features.
        ladder : dict
            The content of `reports/ladder.json`.

        Returns
        -------
        dict
            A part of `reports/metrics.json`. A gain is positive where the model is better, whichever
            way the metric runs.
        """
        metric = ladder["metric"]
        value, chosen = score_predictions(metric, predictions, self.y), self.score(predictions)
        same = [
            name
            for name in names_of(metric)
            if name in chosen and np.isclose(chosen[name], value * _sign(metric))
        ]
        key = metric_key(metric)
        primary = same[0] if same else f"{key}{AT_HALF}" if key in chosen else key

        def complete(scores: Scores, given: NDArray[np.float64], rows: Any = slice(None)) -> Scores:
            """With the metric that ranked the candidates, where it is none of the usual ones."""
            if same:
                return scores
            try:
                found = _sign(metric) * score_predictions(metric, given[rows], self.y[rows])
            except UserError:  # these rows lack a class
                return scores
            return {primary: found, **scores}

        def both(rows: Any = slice(None)) -> tuple[Scores, Scores]:
            own = complete(self.score(predictions, rows), predictions, rows)
            return own, complete(self.score_constant(base, rows), base, rows)

        def drawn(rows: NDArray[np.intp]) -> Scores:
            own, other = both(rows)
            return {**own, **{f"gain:{name}": gain for name, gain in _gains(own, other).items()}}

        draws = 200 if len(self.y) <= 20_000 else 100
        units = self.units
        intervals = bootstrap(drawn, len(self.y), groups=units.codes, draws=draws, seed=self.seed)
        chosen, baseline = both()
        gain = {
            name: {"value": gain, "ci": intervals.get(f"gain:{name}")}
            for name, gain in _gains(chosen, baseline).items()
        }
        return {
            **repeated(ladder, value, primary),
            "chosen": chosen,
            "baseline": baseline,
            "intervals": {name: ci for name, ci in intervals.items() if name in chosen},
            "gain": gain,
            **units.to_json(),
            **self._curves(predictions),
            "money": self._money(predictions, gain["cost_per_1000"])
            if self.task == "binary"
            else None,
            **self._uncertainty(predictions),
        }

    def gain_over(
        self, other: NDArray[np.float64], predictions: NDArray[np.float64], metric: str
    ) -> dict[str, Any]:
        """What the predictions gain over others by one scorer: `value` and its `ci`, or None."""

        def gain(rows: Any) -> Scores:
            both = (
                score_predictions(metric, given[rows], self.y[rows])
                for given in (predictions, other)
            )
            try:
                own, others = both
            except UserError:  # these rows lack a class
                return {}
            return {"gain": own - others}

        draws = bootstrap(gain, len(self.y), groups=self.units.codes, seed=self.seed)
        return {"value": gain(slice(None)).get("gain"), "ci": draws.get("gain")}

    def _uncertainty(self, predictions: NDArray[np.float64]) -> dict[str, Any]:
        """What a look by a person finds, and whether intervals or sets hold."""
        if "review" not in self.described:
            return {}
        return {
            "review": judge_review(self.y, predictions, self.described, self.units),
            "coverage": coverage(self.y, predictions, self.described, self.units),
        }

    def _curves(self, predictions: NDArray[np.float64]) -> dict[str, Any]:
        """Confusion matrix, curves and calibration; residuals of numbers."""
        y = self.y
        if self.task == "regression":
            picked = np.random.default_rng(self.seed).permutation(len(y))[:1000]
            pairs = [{"actual": float(y[i]), "predicted": float(predictions[i])} for i in picked]
            return {"confusion_matrix": None, "threshold": None, "residuals": pairs}
        codes = np.arange(predictions.shape[1])
        matrix = confusion_matrix(y, self.decisions(predictions), labels=codes).tolist()
        curves = {"confusion_matrix": matrix, "threshold": self.described["threshold"]}
        if self.task == "multiclass":
            top, right = predictions.max(axis=1), np.argmax(predictions, axis=1) == y
            return {**curves, "calibration": _calibration(top, right)}
        curves["calibration"] = _calibration(predictions[:, 1], y == 1)
        if len(np.unique(y)) == 2:
            fpr, tpr, _ = roc_curve(y, predictions[:, 1])
            precision, recall, _ = precision_recall_curve(y, predictions[:, 1])
            curves |= {"roc": _thinned(fpr, tpr), "pr": _thinned(recall, precision)}
        return curves

    def _money(self, predictions: NDArray[np.float64], gain: dict[str, Any]) -> dict[str, Any]:
        """What the decisions cost, beside the same decision for every row."""
        value, costs = self.described["threshold"], self.costs

        def cost(threshold: float) -> float:
            return self._cost(self.y, predictions, threshold)

        called = np.unique(self.decisions(predictions))
        return {
            "value": value,
            "source": "the cheapest on out-of-fold predictions of the training rows",
            "costs": costs.model_dump(exclude={"currency"}),
            "currency": costs.currency,
            "cost_at_threshold": cost(value),
            **{f"cost_of_{name}": cost(threshold) for name, threshold in THRESHOLDS.items()},
            "best_constant": self._cheapest_constant(),
            "gain_per_1000": gain["value"],
            "gain_ci": gain["ci"],
            "all_alike": ("never", "always")[called[0]] if len(called) == 1 else None,
            "curve": [[float(t), cost(float(t))] for t in np.linspace(0, 1, 101)],
        }

    def loss(self, y: NDArray[Any], predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Error of each row: log loss of a class, absolute error of a number."""
        if self.task == "regression":
            return np.asarray(np.abs(y - predictions), dtype=np.float64)
        return np.asarray(-np.log(np.clip(predictions[np.arange(len(y)), y], 1e-15, 1)))


def _sign(metric: str) -> int:
    """A scorer that scikit-learn negates is shown as it is measured."""
    return -1 if metric.startswith("neg_") else 1


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
