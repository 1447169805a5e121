"""The ladder: rungs climbed under one cross-validation, and the rule that chooses.

A rung is a name, a reason and a scikit-learn-compatible estimator. Rungs are listed boring first;
a richer one has to earn its place.
"""

import difflib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone, is_classifier
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.utils import _safe_indexing

from .errors import UserError
from .folds import Fold

RULE = (
    "The simplest rung whose mean score is within one standard error of the best "
    "(Breiman, Friedman, Olshen and Stone 1984, section 3.4.3)."
)


class RungUnavailable(Exception):
    """Raised by a rung's `build` when it cannot be had here; the message is shown as it is."""


@dataclass(frozen=True)
class Rung:
    """One step of the ladder.

    Attributes
    ----------
    name : str
        Shown in every report.
    reason : str
        One line: why this rung is on the ladder.
    build : callable
        Takes the fitted features of the fold (or None) and returns an unfitted estimator.
    members : tuple of str
        Names of earlier rungs whose predictions are averaged; `build` is not used then.
    """

    name: str
    reason: str
    build: Callable[[Any], Any] | None = None
    members: tuple[str, ...] = ()


@dataclass
class Result:
    """What the climb measured of one rung; scores are one a fold, higher is better."""

    rung: Rung
    scores: list[float] = field(default_factory=list)
    fit_seconds: float = 0.0
    predictions: list[NDArray[Any]] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """Mean score over the folds."""
        return float(np.mean(self.scores))

    @property
    def std(self) -> float:
        """Standard deviation over the folds (n - 1)."""
        return float(np.std(self.scores, ddof=1))


@dataclass
class Climb:
    """All rungs over the same folds."""

    metric: str
    folds: list[Fold]
    results: list[Result]
    left_out: list[dict[str, str]]

    @property
    def best(self) -> Result:
        """The rung with the highest mean."""
        return max(self.results, key=lambda result: result.mean)

    @property
    def chosen(self) -> Result:
        """The rung that the rule chooses; see `RULE`."""
        best = self.best
        floor = best.mean - best.std / np.sqrt(len(self.folds))
        return next(result for result in self.results if result.mean >= floor)

    def result(self, name: str) -> Result:
        """The result of the rung called `name`."""
        return next(result for result in self.results if result.rung.name == name)

    def to_json(self) -> dict[str, Any]:
        """The content of `reports/ladder.json`."""
        base = self.results[0]
        rungs = []
        for result in self.results:
            low, high = gain_interval(np.subtract(result.scores, base.scores), self.folds)
            rungs.append(
                {
                    "name": result.rung.name,
                    "reason": result.rung.reason,
                    "mean": result.mean,
                    "std": result.std,
                    "scores": result.scores,
                    "gain": result.mean - base.mean,
                    "gain_ci": [low, high],
                    "fit_seconds": round(result.fit_seconds, 3),
                }
            )
        return {
            "metric": self.metric,
            "folds": len(self.folds),
            "rungs": rungs,
            "chosen": self.chosen.rung.name,
            "best": self.best.rung.name,
            "standard_error": self.best.std / float(np.sqrt(len(self.folds))),
            "rule": RULE,
            "left_out": self.left_out,
        }


def gain_interval(
    differences: NDArray[np.float64], folds: Sequence[Fold], confidence: float = 0.95
) -> tuple[float, float]:
    """Corrected resampled t interval of a paired gain.

    The variance is multiplied by 1/k + n_test/n_train, since training sets of folds overlap
    (Nadeau and Bengio 2003, "Inference for the Generalization Error", Machine Learning 52).

    Parameters
    ----------
    differences : ndarray of shape (k,)
        Score of the rung minus score of the first rung, fold by fold.
    folds : sequence of (train, validation) index pairs
        Only their sizes are used.
    confidence : float
        Share of intervals that hold the true gain, between 0 and 1.

    Returns
    -------
    (low, high) : tuple of float
    """
    k = len(differences)
    ratio = float(np.mean([len(validation) / len(train) for train, validation in folds]))
    spread = float(np.sqrt((1 / k + ratio) * np.var(differences, ddof=1)))
    half = float(stats.t.ppf((1 + confidence) / 2, k - 1)) * spread
    mean = float(np.mean(differences))
    return mean - half, mean + half


def climb(
    rungs: Sequence[Rung],
    x: Any,
    y: NDArray[Any],
    folds: list[Fold],
    metric: str,
    features: BaseEstimator | None = None,
    on_step: Callable[[str], None] = lambda name: None,
    answer: Callable[[Any, Any], Any] | None = None,
    score: Callable[[str, Any, NDArray[Any]], float] | None = None,
) -> Climb:
    """Fit and score every rung on every fold.

    Parameters
    ----------
    rungs : sequence of Rung
        Boring first; the first one is what the others must beat.
    x : DataFrame, ndarray or list of length n
        The rows.
    y : ndarray of shape (n,)
        Class codes 0..K-1, or float values.
    folds : list of (train, validation) index pairs
        The same for every rung.
    metric : str
        A scikit-learn scorer name, or one that `score` knows; higher is better.
    features : transformer, optional
        Cloned and fitted inside each fold, on its training rows only.
    on_step : callable
        Told the rung's name after each fit, for a progress bar.
    answer : callable, optional
        From a fitted rung and rows to its answers; `answers_of` if none is given.
    score : callable, optional
        From the metric, answers and truth to a number; `score_answers` if none is given.

    Raises
    ------
    UserError
        If a rung cannot be fitted or scored; the message names it.
    """
    if score is None:
        _require_scorer(metric)
        score = score_answers
    if answer is None:
        answer = partial(answers_of, classes=len(np.unique(y)))
    results = {rung.name: Result(rung) for rung in rungs}
    left_out: dict[str, str] = {}
    for train, validation in folds:
        x_train, x_valid = _safe_indexing(x, train), _safe_indexing(x, validation)
        fitted_features = None
        if features is not None:
            fitted_features = clone(features).fit(x_train, y[train])
            x_train, x_valid = (
                fitted_features.transform(x_train),
                fitted_features.transform(x_valid),
            )
        fitted: dict[str, Any] = {}
        for rung in rungs:
            if rung.name in left_out or any(member in left_out for member in rung.members):
                continue
            started = time.perf_counter()
            try:
                model = _assemble(rung, fitted_features, fitted)
                fitted[rung.name] = model.fit(x_train, y[train])
            except RungUnavailable as reason:
                left_out[rung.name] = str(reason)
                continue
            except ValueError as error:
                raise UserError(
                    f"The rung `{rung.name}` could not be fitted: {error}. Correct the data, or "
                    f"leave the rung out: `ladder.skip: [{rung.name}]` in params.yaml."
                ) from error
            result = results[rung.name]
            result.fit_seconds += time.perf_counter() - started
            answers = answer(fitted[rung.name], x_valid)
            result.predictions.append(answers)
            result.scores.append(score(metric, answers, y[validation]))
            on_step(rung.name)
    return Climb(
        metric,
        folds,
        [result for result in results.values() if result.scores],
        [{"name": name, "reason": reason} for name, reason in left_out.items()],
    )


def without(rungs: list[Rung], skip: list[str]) -> list[Rung]:
    """The rungs but those named in `skip`, and votes that would lack a member.

    Raises
    ------
    UserError
        If `skip` names a rung that is not on the ladder, or leaves fewer than two.
    """
    unknown = set(skip) - {rung.name for rung in rungs}
    if unknown:
        names = ", ".join(rung.name for rung in rungs)
        raise UserError(f"`ladder.skip` names {sorted(unknown)}; the rungs are: {names}.")
    kept = [
        rung
        for rung in rungs
        if rung.name not in skip and not any(member in skip for member in rung.members)
    ]
    if len(kept) < 2:
        raise UserError("`ladder.skip` leaves fewer than two rungs; there is nothing to compare.")
    return kept


def _assemble(rung: Rung, features: Any, fitted: dict[str, Any]) -> Any:
    """The rung's estimator; a vote takes its members as this fold fitted them."""
    if not rung.members:
        assert rung.build is not None
        return rung.build(features)
    return _vote([(name, FrozenEstimator(fitted[name])) for name in rung.members])


def _vote(members: list[tuple[str, Any]]) -> Any:
    if is_classifier(members[0][1]):
        return VotingClassifier(members, voting="soft", flatten_transform=False)
    return VotingRegressor(members)


def refit(rung: Rung, rungs: Sequence[Rung], features: Any, x: Any, y: NDArray[Any]) -> Any:
    """Fit one rung (for a vote, its members too) on the encoded rows `x`."""
    if not rung.members:
        return _assemble(rung, features, {}).fit(x, y)
    builds = {other.name: other.build for other in rungs}
    return _vote([(name, builds[name](features)) for name in rung.members]).fit(x, y)  # type: ignore[misc]


def answers_of(model: Any, x: Any, classes: int) -> NDArray[Any]:
    """Probabilities (n, classes), float64, or values (n,).

    A class that the training rows of a fold lacked gets probability 0.
    """
    if not is_classifier(model):
        return np.asarray(model.predict(x), dtype=np.float64)
    partial = model.predict_proba(x)
    if partial.shape[1] == classes:
        return np.asarray(partial, dtype=np.float64)
    full = np.zeros((len(partial), classes))
    full[:, np.asarray(model.classes_, dtype=int)] = partial
    return full


class _Classes(ClassifierMixin, BaseEstimator):
    """A classifier that has answered already, so that scoring need not predict again."""

    def __init__(self, answers: NDArray[Any]) -> None:
        self.answers = answers

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> NDArray[np.intp]:
        return np.arange(self.answers.shape[1])

    def predict_proba(self, x: Any) -> NDArray[Any]:
        return self.answers

    def predict(self, x: Any) -> NDArray[np.intp]:
        return np.argmax(self.answers, axis=1)


class _Values(RegressorMixin, BaseEstimator):
    """A regressor that has answered already."""

    def __init__(self, answers: NDArray[Any]) -> None:
        self.answers = answers

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, x: Any) -> NDArray[Any]:
        return self.answers


def _require_scorer(metric: str) -> None:
    names = get_scorer_names()
    if metric not in names:
        near = difflib.get_close_matches(metric, names, n=3, cutoff=0.5)
        hint = f" Near it: {', '.join(near)}." if near else ""
        raise UserError(
            f"`metric` is {metric!r}, which is no scorer of scikit-learn.{hint} `auto` picks one."
        )


def score_answers(metric: str, answers: NDArray[Any], y: NDArray[Any]) -> float:
    """Score given answers with a scikit-learn scorer.

    Parameters
    ----------
    metric : str
        Scorer name; higher is better.
    answers : ndarray of shape (n, K) or (n,)
        Probabilities, or values.
    y : ndarray of shape (n,)
        Class codes, or values.

    Raises
    ------
    UserError
        If the scorer does not exist, or cannot judge this target.
    """
    answered = _Classes(answers) if answers.ndim == 2 else _Values(answers)
    try:
        score = float(get_scorer(metric)(answered, np.zeros((len(y), 1)), y))
    except (ValueError, AttributeError) as error:
        raise UserError(
            f"The metric `{metric}` cannot judge this target: {error}. Set another `metric` in "
            "params.yaml (`auto` picks one that fits)."
        ) from error
    if not np.isfinite(score):
        raise UserError(
            f"The metric `{metric}` has no value on some of these rows, most likely because a "
            "class is missing there. Set another `metric`, or lower `cv.folds`."
        )
    return score
