"""Would fewer features do? The fifth that matters least left out, under the folds of the comparison.

What matters least is found within the training rows of a fold, by permutation importance (Breiman 2001,
"Random Forests", section 10) on their last inner fold. No row that the smaller model is scored on has had
a say in what it may see.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.inspection import permutation_importance

from ..project.errors import UserError
from ..splitting.folds import Fold
from ..training.comparison import Candidate, Comparison, Inner, Result, Scoring, refit
from .dataset import Table
from .encoder import Encoder
from .steps import gains_between

logger = logging.getLogger(__name__)

SHARE = 0.2
MOST_ROWS = 20_000  # training rows of a fold, evenly taken, that both models are fitted on
REPEATS = 1  # a vote of three models takes 0.1 s for each feature


def drop_least(
    comparison: Comparison,
    chosen: Result,
    candidates: Sequence[Candidate],
    table: Table,
    scoring: Scoring,
    encoder: Encoder,
    inner: Inner,
    seed: int,
) -> dict[str, Any] | None:
    """Score and speed of the chosen candidate with four fifths of its features, against all of them.

    Both are fitted on the same rows of a fold and scored on all that it validates.

    Parameters
    ----------
    comparison : Comparison
    chosen : Result
        Its settings hold for the smaller model too: nothing is searched for again.
    candidates : sequence of Candidate
        The ladder, where the members of a vote are.
    table : Table
        The rows of the comparison.
    scoring : Scoring
    encoder : Encoder
        Cloned and fitted in each fold. A feature is a column of the schema, or one of `derive`.
    inner : callable
        From positions to folds of these rows.
    seed : int

    Returns
    -------
    dict or None
        The content of `selection` in `reports/ladder.json`: how many `features` there are and are
        `dropped`; `least`, each with its `name`, mean `importance` and in how many `folds` it was
        dropped; `rows` that a fold is fitted on at most; `gain` and its `ci` in the mean score; `before`
        and `after` with the `mean`, and `fit_seconds` and `predict_seconds` of all folds. None where there are fewer than five features,
        or importance cannot be measured.
    """
    before, after = (
        _Timed(Result(replace(chosen.candidate, name=name))) for name in ("all", "fewer")
    )
    importances, dropped = [], Counter[str]()
    for (train, validation), settings in zip(comparison.folds, chosen.settings, strict=True):
        picked = train[np.unique(np.linspace(0, len(train) - 1, MOST_ROWS).astype(int))]
        rows, y, held = table.x.iloc[picked], table.y[picked], table.x.iloc[validation]
        build = partial(refit, chosen.candidate.given(settings), candidates)
        every = clone(encoder).fit(rows, y)
        x = every.transform(rows)
        try:
            importance = _importance(build, every, x, y, inner(picked)[-1], scoring, seed)
            least = sorted(importance, key=importance.__getitem__)[: int(SHARE * len(importance))]
            fewer = every.without(least)
            for timed, encode in ((before, every), (after, fewer)):
                timed.add(build, encode, rows, y, held, table.y[validation], scoring)
        except (UserError, ValueError) as error:  # a class or a moment too few
            logger.info("What fewer features would do was not measured: %s", error)
            return None
        importances.append(importance)
        dropped.update(least)
    if not dropped:
        return None
    pair = before.result, after.result
    (gain,) = gains_between(comparison, [pair], table.y, table.units, scoring, seed)
    means = {name: float(np.mean([each[name] for each in importances])) for name in importances[0]}
    return {
        "candidate": chosen.name,
        "rows": MOST_ROWS,
        "features": len(means),
        "dropped": len(least),
        "least": [
            {"name": name, "importance": means[name], "folds": folds}
            for name, folds in dropped.most_common()
        ],
        **gain,
        "before": before.to_json(),
        "after": after.to_json(),
    }


@dataclass
class _Timed:
    """A candidate's scores over the folds, and the seconds that they took."""

    result: Result
    fit_seconds: float = 0.0
    predict_seconds: float = 0.0

    def add(
        self,
        build: Callable[..., Any],
        encoder: Encoder,
        rows: Any,
        y: NDArray[Any],
        held: Any,
        truth: NDArray[Any],
        scoring: Scoring,
    ) -> None:
        x, given = encoder.transform(rows), encoder.transform(held)
        started = time.perf_counter()
        model = build(encoder, x, y)
        fitted = time.perf_counter()
        predictions = scoring.predict(model, given)
        self.predict_seconds += time.perf_counter() - fitted
        self.fit_seconds += fitted - started
        self.result.predictions.append(predictions)
        self.result.scores.append(scoring.score(scoring.metric, predictions, truth))

    def to_json(self) -> dict[str, float]:
        return {
            "mean": self.result.mean,
            "fit_seconds": round(self.fit_seconds, 3),
            "predict_seconds": round(self.predict_seconds, 3),
        }


def _importance(
    build: Callable[..., Any],
    encoder: Encoder,
    x: NDArray[np.float32],
    y: NDArray[Any],
    fold: Fold,
    scoring: Scoring,
    seed: int,
) -> dict[str, float]:
    """How much the score falls on the held rows when a feature is shuffled."""
    rows, held = fold
    model, given, sources = build(encoder, x[rows], y[rows]), x[held], encoder.sources_
    names = list(dict.fromkeys(sources))
    feature = [names.index(source) for source in sources]

    def score(model: Any, places: NDArray[np.intp], truth: NDArray[Any]) -> float:
        # Where each feature is taken from: all columns made of one are shuffled together.
        shuffled = given[places[:, feature], np.arange(len(feature))]
        return scoring.score(scoring.metric, scoring.predict(model, shuffled), truth)

    places = np.tile(np.arange(len(held))[:, None], len(names))
    found = permutation_importance(
        model, places, y[held], scoring=score, n_repeats=REPEATS, random_state=seed
    )
    return dict(zip(names, found.importances_mean.tolist(), strict=True))
