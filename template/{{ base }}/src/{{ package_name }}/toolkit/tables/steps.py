"""What each step brought: features, then the choice of the model, under the folds of the comparison.

The order of work is known (features, then models, then tuning); what each is worth on one's own data
is not, and is measured here. A group of columns is judged by leaving it out of the simplest model that
adds features up, so that no other model's search for a substitute hides it.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.intervals import Units, bootstrap
from ..project.errors import UserError
from ..training.comparison import Candidate, Comparison, Result, Scoring

RAW = "raw columns"
COMPUTED = "computed in features.py"
MOST_RESAMPLED = 20_000  # rows: units differ more than the rows of a unit do
DRAWS = 200
SAME = 1e-6  # of a score: nearer than that, solvers do not come to the best weights

Groups = Mapping[str, Collection[str]]


def feature_groups(named: Groups, columns: Collection[str], derived: Collection[str]) -> Groups:
    """The groups of features that this table has.

    Parameters
    ----------
    named : mapping of str to collection of str
        As the owner calls them; columns that are not there are ignored.
    columns, derived : collection of str
        Columns of the schema, and features computed from them. The latter form a group of their own
        where none is named.
    """
    known = {*columns, *derived}
    found = {name: sorted(known & set(group)) for name, group in named.items()}
    rest = set(derived).difference(*found.values())
    groups = {name: group for name, group in {**found, COMPUTED: sorted(rest)}.items() if group}
    # Without any other column there is nothing to start from.
    return groups if set(columns).difference(*groups.values()) else {}


def without_each(groups: Groups, build: Callable[[Any, Collection[str]], Any]) -> list[Candidate]:
    """The candidates that leave features out: all groups (`RAW`), then each in turn.

    Parameters
    ----------
    groups : mapping of str to collection of str
    build : callable
        From the fitted encoder and the columns to leave out to an unfitted estimator.
    """
    everything = [name for group in groups.values() for name in group]
    left_out = {RAW: everything} if groups else {}
    if len(groups) > 1:
        left_out |= {_without(name): list(group) for name, group in groups.items()}
    return [
        Candidate(
            name, "Measures what the features bring.", lambda encoder, out=out: build(encoder, out)
        )
        for name, out in left_out.items()
    ]


def _without(group: str) -> str:
    return f"without {group}"


def measure(
    comparison: Comparison,
    groups: Groups,
    linear: str,
    chosen: Result,
    tuning: tuple[str, str],
    y: NDArray[Any],
    units: Units,
    scoring: Scoring,
    seed: int,
) -> dict[str, Any] | None:
    """Gains of each step in the mean score over the folds, with 95% intervals.

    Parameters
    ----------
    comparison : Comparison
        With the candidates of `without_each` beside the ladder.
    groups : mapping of str to collection of str
    linear : str
        The candidate that groups are left out of.
    chosen : Result
        What the choice of the model ended with, before tuning.
    tuning : (str, str)
        A candidate and the same one tuned; left out where one of them is.
    y : ndarray of shape (n,)
        The truth of all rows.
    units : Units
        Of all rows: what the split kept on one side is resampled together. The intervals tell what
        other days, groups or rows would have changed; models are not fitted again.
    scoring : Scoring
    seed : int

    Returns
    -------
    dict or None
        The content of `steps` in `reports/ladder.json`: `unit`, `units`, and `rows` of `step`
        (`features`, `group`, `model` or `tuning`), `name`, `from`, `to`, `gain`, `ci`, and for a group its
        `columns`. None where the linear candidate was left out.
    """
    known = {result.name: result for result in [*comparison.results, *comparison.beside]}
    if linear not in known:
        return None
    start = known[linear]
    rows: list[dict[str, Any]] = []
    if RAW in known:
        rows.append({"step": "features", "name": "all features", "from": RAW, "to": linear})
    for name, group in groups.items():
        if _without(name) in known:
            rows.append({"step": "group", "name": name, "from": _without(name), "to": linear})
            rows[-1]["columns"] = [*group]
    rows.append({"step": "model", "name": "choice of the model", "from": linear, "to": chosen.name})
    if known.keys() >= {*tuning}:
        rows.append({"step": "tuning", "name": "tuning", "from": tuning[0], "to": tuning[1]})
    pairs = [(known[row["from"]], known[row["to"]]) for row in rows]
    gains = gains_between(comparison, pairs, y, units, scoring, seed)
    return {
        "start": {"name": linear, "mean": known.get(RAW, start).mean},
        "unit": units.name,
        "units": units.take(comparison.validated).count,
        "rows": [row | gain for row, gain in zip(rows, gains, strict=True)],
    }


def gains_between(
    comparison: Comparison,
    pairs: Sequence[tuple[Result, Result]],
    y: NDArray[Any],
    units: Units,
    scoring: Scoring,
    seed: int,
) -> list[dict[str, Any]]:
    """What the second result of each pair scores more than the first: `gain` and its `ci`, or None.

    Whole units of at most 20,000 validation rows, evenly taken, are resampled; the interval is put
    around the gain on all rows.
    """
    results = {result.name: result for pair in pairs for result in pair}
    fold = np.repeat(np.arange(len(comparison.folds)), [len(rows) for _, rows in comparison.folds])
    predictions = {name: result.out_of_fold for name, result in results.items()}
    truth, codes = y[comparison.validated], units.take(comparison.validated).codes

    def gains(rows: NDArray[np.intp]) -> dict[str, float]:
        parts = [rows[fold[rows] == number] for number in range(len(comparison.folds))]
        if not all(map(len, parts)):  # none of a fold's units was drawn
            return {}
        try:
            means = {
                name: np.mean(
                    [scoring.score(scoring.metric, p[part], truth[part]) for part in parts]
                )
                for name, p in predictions.items()
            }
        except UserError:  # a fold that lacks a class
            return {}
        return {str(i): float(means[b.name] - means[a.name]) for i, (a, b) in enumerate(pairs)}

    picked = np.unique(np.linspace(0, len(truth) - 1, MOST_RESAMPLED).astype(int))
    centre = gains(picked)
    drawn = bootstrap(
        lambda rows: gains(picked[rows]), len(picked), groups=codes[picked], draws=DRAWS, seed=seed
    )
    told = []
    for i, (first, second) in enumerate(pairs):
        gain, ci = second.mean - first.mean, drawn.get(str(i))
        shift, least = gain - centre.get(str(i), gain), SAME * abs(first.mean)
        bounds = [gain, *(bound + shift for bound in ci or ())]
        gain, *ci = (bound if abs(bound) >= least else 0.0 for bound in bounds)
        told.append({"gain": gain, "ci": ci or None})
    return told
