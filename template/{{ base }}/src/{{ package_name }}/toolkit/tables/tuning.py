"""Settings found by search inside the training rows of a fold, so that no score has seen its own search.

The outer folds judge the search as a whole (nested cross-validation: Cawley and Talbot 2010, "On
Over-fitting in Model Selection and Subsequent Selection Bias in Performance Evaluation", JMLR 11).
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..project.errors import UserError
from ..splitting.folds import Fold
from ..training.comparison import CandidateUnavailable, Inner, Scoring

Space = Mapping[str, tuple[float, float]]
MOST_ROWS = 20_000  # of a search, evenly taken
INNER = 2  # the last of the inner folds; a trial that is worse than most on the first has no second
EDGE = 0.03  # of a range, by its logarithm


class Search:
    """Optuna's tree-structured Parzen estimator over a space, once a fold and once for the refit.

    The number of trials decides when it ends, and every draw is seeded, so that the same rows and
    settings give the same model on any machine. The seconds are for emergencies, and told.

    Parameters
    ----------
    space : mapping of str to (low, high)
        Keyword arguments of `build`, drawn evenly by their logarithm; whole numbers stay whole.
    trials : int
        Of all searches together.
    searches : int
        How many there will be.
    seconds : float
        After which each further search ends with its first trial.
    seed : int

    Attributes
    ----------
    trials_ : list of dict
        `search`, `settings`, `score` on the inner folds, and whether it was `pruned`.
    """

    def __init__(self, space: Space, trials: int, searches: int, seconds: float, seed: int) -> None:
        self.space, self.seconds, self.seed = space, seconds, seed
        self.trials_each = max(1, trials // searches)
        self.trials_: list[dict[str, Any]] = []
        self.found: list[dict[str, Any]] = []
        self.spent = 0.0
        self.cut = 0

    def __call__(
        self, build: Callable[..., Any], x: Any, y: NDArray[Any], inner: Inner, scoring: Scoring
    ) -> dict[str, Any]:
        """The settings that score best on the inner folds of these rows; see `Candidate.settle`."""
        picked = np.unique(np.linspace(0, len(y) - 1, MOST_ROWS).astype(int))
        try:
            folds, x, y = inner(picked)[-INNER:], x[picked], y[picked]
            return self._search(build, x, y, folds, scoring)
        except (UserError, ValueError) as error:  # a class or a moment too few
            raise CandidateUnavailable(f"Nothing could be searched for: {error}") from error

    def _search(
        self,
        build: Callable[..., Any],
        x: Any,
        y: NDArray[Any],
        folds: list[Fold],
        scoring: Scoring,
    ) -> dict[str, Any]:
        import optuna  # half a second, which no other process needs

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(
            direction="maximize",
            sampler=optuna.samplers.TPESampler(
                seed=self.seed,
                n_startup_trials=min(
                    10, max(1, self.trials_each // 2)
                ),  # drawn without the estimator
            ),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=3),
        )

        def objective(trial: optuna.Trial) -> float:
            settings = self._draw(trial)
            scores = []
            for step, fold in enumerate(folds):
                scores.append(_score(build(**settings), x, y, fold, scoring))
                trial.report(scores[-1], step)
                if step < len(folds) - 1 and trial.should_prune():
                    raise optuna.TrialPruned
            return float(np.mean(scores))

        started = time.monotonic()
        for number in range(self.trials_each):
            if number and self.spent + time.monotonic() - started > self.seconds:
                self.cut += 1
                break
            study.optimize(objective, n_trials=1)
        self.spent += time.monotonic() - started
        self.trials_ += [
            {
                "search": len(self.found) + 1,
                "settings": trial.params,
                "score": trial.value if trial.value is not None else trial.intermediate_values[0],
                "pruned": trial.state == optuna.trial.TrialState.PRUNED,
            }
            for trial in study.trials
        ]
        self.found.append(dict(study.best_params))
        return self.found[-1]

    def _draw(self, trial: Any) -> dict[str, Any]:
        return {
            name: (trial.suggest_int if isinstance(low, int) else trial.suggest_float)(
                name, low, high, log=True
            )
            for name, (low, high) in self.space.items()
        }

    def to_json(self) -> dict[str, Any]:
        """The content of `tuning` in `reports/ladder.json`."""
        return {
            "trials": len(self.trials_),
            "pruned": sum(trial["pruned"] for trial in self.trials_),
            "searches": len(self.found),
            "rows": MOST_ROWS,
            "seconds": round(self.spent, 1),
            "space": {name: list(bounds) for name, bounds in self.space.items()},
            "warnings": [*self._cut_short(), *self._edges()],
        }

    def _cut_short(self) -> list[str]:
        if not self.cut:
            return []
        return [
            f"{self.cut} of {len(self.found)} searches were ended by `tuning.seconds` "
            f"({self.seconds:g}) before `tuning.trials` were done: another machine may find other "
            "settings. Raise the one or lower the other."
        ]

    def _edges(self) -> list[str]:
        told = []
        for name, bounds in self.space.items():
            low, high = map(math.log, bounds)
            places = [(math.log(found[name]) - low) / (high - low) for found in self.found]
            for bound, at in (
                (bounds[0], [p < EDGE for p in places]),
                (bounds[1], [p > 1 - EDGE for p in places]),
            ):
                if 2 * sum(at) > len(at):
                    told.append(
                        f"{sum(at)} of {len(at)} searches ended at {bound:g}, the edge of the space for "
                        f"`{name}`: better settings may lie beyond it. Widen it in models.py."
                    )
        return told


def _score(model: Any, x: Any, y: NDArray[Any], fold: Fold, scoring: Scoring) -> float:
    rows, held = fold
    fitted = model.fit(x[rows], y[rows])
    return scoring.score(scoring.metric, scoring.predict(fitted, x[held]), y[held])
