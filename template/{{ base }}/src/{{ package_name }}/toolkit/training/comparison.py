"""Compare candidate models under one cross-validation, simplest first.

A candidate is a name, a reason and a scikit-learn-compatible estimator. The list of them is called
the ladder: each step up is more complex than the one below, and has to earn its place.

This is `sklearn.model_selection.cross_validate` for several models at once, written out for two
reasons: a fold's rows are encoded once for all candidates, and a vote takes its members as that fold
has fitted them. Fitting every pipeline apart gives the same scores and takes 1.3 times as long.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import _safe_indexing
from tqdm import tqdm

from ..project.errors import UserError
from ..splitting.folds import Fold

# From positions among the rows that a model is fitted on to folds of them, made as the outer ones are.
Inner = Callable[[NDArray[np.intp]], list[Fold]]


class CandidateUnavailable(Exception):
    """Raised by a candidate's `build` when it cannot be had here; the message is shown as it is."""


@dataclass(frozen=True)
class Candidate:
    """One model of the ladder.

    Attributes
    ----------
    name : str
        Shown in every report.
    reason : str
        One line: why this model is a candidate.
    build : callable
        Takes the fitted encoder of the fold (or None), then the estimators of `members`, and returns
        an unfitted estimator.
    members : tuple of str
        Names of earlier candidates that it is made from, such as those that vote.
    settle : callable, optional
        Finds keyword arguments of `build` on the rows of a fit: takes `build` of the fitted encoder,
        the encoded rows, their truth, an `Inner`, and the `Scoring`. Without it, or where nothing is
        settled, `build` has its defaults.
    """

    name: str
    reason: str
    build: Callable[..., Any]
    members: tuple[str, ...] = ()
    settle: Callable[..., dict[str, Any]] | None = None

    def settled(
        self, encoder: Any, x: Any, y: NDArray[Any], inner: Inner | None, scoring: "Scoring"
    ) -> dict[str, Any]:
        """What `settle` finds; nothing where there is none, or no inner folds to find it on."""
        if self.settle is None or inner is None:
            return {}
        return self.settle(partial(self.build, encoder), x, y, inner, scoring)

    def given(self, settings: dict[str, Any]) -> "Candidate":
        """The candidate with settings that were found before."""
        return replace(self, build=partial(self.build, **settings), settle=None)


@dataclass(frozen=True)
class Scoring:
    """How the candidates predict, and how good that is.

    Attributes
    ----------
    metric : str
        The name of the score, of which higher is better.
    predict : callable
        From a fitted candidate and rows to its predictions.
    score : callable
        From the metric, predictions and the truth to a number.
    """

    metric: str
    predict: Callable[[Any, Any], Any]
    score: Callable[[str, Any, NDArray[Any]], float]


@dataclass
class Result:
    """What the comparison measured of one candidate; scores are one a fold, higher is better.

    `fit_seconds` is the sum over the folds, that of its members included; `settings` what was settled
    in each.
    """

    candidate: Candidate
    scores: list[float] = field(default_factory=list)
    fit_seconds: float = 0.0
    predictions: list[NDArray[Any]] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)
    repeats: int = 1

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.candidate.name

    @property
    def mean(self) -> float:
        """Mean score over the folds."""
        return float(np.mean(self.scores))

    @property
    def std(self) -> float:
        """Standard deviation over the folds (n - 1)."""
        return float(np.std(self.scores, ddof=1))

    @property
    def standard_error(self) -> float:
        """Standard error of the mean over the folds; drawing them again brings no new rows."""
        return self.std / float(np.sqrt(len(self.scores) / self.repeats))

    @property
    def out_of_fold(self) -> NDArray[Any]:
        """Predictions for the validation rows, fold after fold; `Comparison.validated` has the rows."""
        return np.concatenate(self.predictions)


@dataclass
class Comparison:
    """All candidates over the same folds; those of `beside` are measured, and never chosen."""

    metric: str
    folds: list[Fold]
    results: list[Result]
    left_out: list[dict[str, str]]
    beside: list[Result] = field(default_factory=list)

    @property
    def best(self) -> Result:
        """The candidate with the highest mean."""
        return max(self.results, key=lambda result: result.mean)

    @property
    def validated(self) -> NDArray[np.intp]:
        """The rows of `Result.out_of_fold`, in its order."""
        return np.concatenate([validation for _, validation in self.folds])

    def result(self, name: str) -> Result:
        """The result of the candidate called `name`."""
        return next(each for each in [*self.results, *self.beside] if each.name == name)

    def without(self, name: str) -> "Comparison":
        """The comparison as it would have been without one candidate, unless it is the only one."""
        kept = [result for result in self.results if result.name != name]
        return replace(self, results=kept or self.results)

    def to_json(self, chosen: Result, rule: str) -> dict[str, Any]:
        """The content of `reports/ladder.json`, in which a candidate is called a rung."""
        first = self.results[0]
        perfect = (
            0.0 if self.metric.startswith("neg_") else 1.0
        )  # an interval of a score ends there
        rungs = []
        for result in self.results:
            score_low, score_high = gain_interval(np.array(result.scores), self.folds)
            low, high = gain_interval(np.subtract(result.scores, first.scores), self.folds)
            rungs.append(
                {
                    "name": result.name,
                    "reason": result.candidate.reason,
                    "mean": result.mean,
                    "std": result.std,
                    "scores": result.scores,
                    "ci": [score_low, min(score_high, perfect)],
                    "gain": result.mean - first.mean,
                    "gain_ci": [low, high],
                    "fit_seconds": round(result.fit_seconds, 3),
                    **({"settings": result.settings} if any(result.settings) else {}),
                }
            )
        return {
            "metric": self.metric,
            "folds": len(self.folds),
            "rungs": rungs,
            "chosen": chosen.name,
            "best": self.best.name,
            "standard_error": self.best.standard_error,
            "rule": rule,
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
        Score of the candidate minus score of the first one, fold by fold.
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


def repeats_of(folds: list[Fold]) -> int:
    """How often the folds hold each row out."""
    held_out = np.concatenate([validation for _, validation in folds])
    return round(len(held_out) / len(np.unique(held_out)))


def cross_validate(
    candidates: Sequence[Candidate],
    x: Any,
    y: NDArray[Any],
    folds: list[Fold],
    scoring: Scoring,
    encoder: BaseEstimator | None = None,
    beside: Sequence[Candidate] = (),
    inner: Inner | None = None,
) -> Comparison:
    """Fit and score every candidate on every fold.

    Parameters
    ----------
    candidates : sequence of Candidate
        Simplest first; the first one is what the others must beat.
    x : DataFrame, ndarray or list of length n
        The rows.
    y : ndarray of shape (n,)
        Class codes 0..K-1, or float values.
    folds : list of (train, validation) index pairs
        The same for every candidate.
    scoring : Scoring
        Such as `scoring.by_scorer` gives.
    encoder : transformer, optional
        Cloned and fitted inside each fold, on its training rows only.
    beside : sequence of Candidate
        Measured in the same way, but not on the ladder: they answer another question.
    inner : callable, optional
        From positions to folds of these rows, for candidates that settle something within a fold.

    Raises
    ------
    UserError
        If a candidate cannot be fitted or scored; the message names it.
    """
    ladder = {candidate.name for candidate in candidates}
    candidates = [*candidates, *beside]
    repeats = repeats_of(folds)
    results = {candidate.name: Result(candidate, repeats=repeats) for candidate in candidates}
    left_out: dict[str, str] = {}
    bar = tqdm(total=len(folds) * len(candidates), desc="cross-validating", unit="fit")
    for train, validation in folds:
        x_train, x_valid = _safe_indexing(x, train), _safe_indexing(x, validation)
        fitted_encoder = None
        if encoder is not None:
            fitted_encoder = clone(encoder).fit(x_train, y[train])
            x_train, x_valid = fitted_encoder.transform(x_train), fitted_encoder.transform(x_valid)
        fitted: dict[str, Any] = {}
        seconds: dict[str, float] = {}
        for candidate in candidates:
            bar.set_postfix_str(candidate.name)
            bar.update()
            if candidate.name in left_out or any(name in left_out for name in candidate.members):
                continue
            started = time.perf_counter()
            try:
                # Members are taken as this fold has fitted them.
                members = [FrozenEstimator(fitted[name]) for name in candidate.members]
                within = partial(_within, inner, train) if inner else None
                settings = candidate.settled(fitted_encoder, x_train, y[train], within, scoring)
                model = candidate.build(fitted_encoder, *members, **settings)
                fitted[candidate.name] = model.fit(x_train, y[train])
            except CandidateUnavailable as reason:
                left_out[candidate.name] = str(reason)
                continue
            except ValueError as error:
                raise UserError(
                    f"The candidate `{candidate.name}` could not be fitted: {error}. Correct the "
                    f"data, or leave it out: `ladder.skip: [{candidate.name}]` in params.yaml."
                ) from error
            result = results[candidate.name]
            result.settings.append(settings)
            # A vote costs what its members cost, and what it adds.
            spent = time.perf_counter() - started
            seconds[candidate.name] = spent + sum(seconds[name] for name in candidate.members)
            result.fit_seconds += seconds[candidate.name]
            predictions = scoring.predict(fitted[candidate.name], x_valid)
            result.predictions.append(predictions)
            result.scores.append(scoring.score(scoring.metric, predictions, y[validation]))
    bar.close()
    measured = [each for each in results.values() if each.scores and each.name not in left_out]
    return Comparison(
        scoring.metric,
        folds,
        [result for result in measured if result.name in ladder],
        [{"name": name, "reason": reason} for name, reason in left_out.items()],
        [result for result in measured if result.name not in ladder],
    )


def _within(inner: Inner, train: NDArray[np.intp], rows: NDArray[np.intp]) -> list[Fold]:
    """Inner folds of some of the training rows of a fold."""
    return inner(train[rows])


def drop_skipped(candidates: list[Candidate], skip: list[str]) -> list[Candidate]:
    """The candidates but those named in `skip`, and votes that would lack a member.

    Raises
    ------
    UserError
        If `skip` names no candidate, or leaves fewer than two.
    """
    unknown = set(skip) - {candidate.name for candidate in candidates}
    if unknown:
        names = ", ".join(candidate.name for candidate in candidates)
        raise UserError(f"`ladder.skip` names {sorted(unknown)}; the candidates are: {names}.")
    kept = [
        candidate
        for candidate in candidates
        if candidate.name not in skip and not any(name in skip for name in candidate.members)
    ]
    if len(kept) < 2:
        raise UserError("`ladder.skip` leaves fewer than two candidates; nothing can be compared.")
    return kept


def named(candidates: Sequence[Candidate], name: str) -> Candidate:
    """The candidate called `name`.

    Raises
    ------
    UserError
        If there is none.
    """
    for candidate in candidates:
        if candidate.name == name:
            return candidate
    names = ", ".join(each.name for each in candidates)
    raise UserError(f"There is no candidate {name!r}; there are: {names}.")


def refit(
    candidate: Candidate, candidates: Sequence[Candidate], encoder: Any, x: Any, y: NDArray[Any]
) -> Any:
    """Fit one candidate (and what it is made from) on the encoded rows `x`."""
    members = [named(candidates, name).build(encoder) for name in candidate.members]
    return candidate.build(encoder, *members).fit(x, y)
