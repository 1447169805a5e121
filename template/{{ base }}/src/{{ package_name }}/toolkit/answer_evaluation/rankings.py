"""How good the rankings are, on the test questions: against the baseline, by place, one by one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..documents.kinds import KINDS
from ..documents.questions import Question
from ..evaluation.intervals import Units, bootstrap
from ..evaluation.slices import slices
from ..retrieval import scores

Rankings = Sequence[Sequence[str]]
Scores = dict[str, NDArray[np.float64]]
WORST = 20
SMALLEST_SLICE = 15
DRAWS = 2000


def compare_rankings(own: Scores, other: Scores, seed: int) -> dict[str, Any]:
    """Means of both retrievers, with intervals of the first and of its gain over the second.

    Questions are resampled, the same for both, so that a gain is paired by question.

    Parameters
    ----------
    own, other : dict of ndarray of shape (n,)
        Every score of every question.
    seed : int
    """

    def means(rows: Any = slice(None)) -> dict[str, float]:
        mine = {name: float(np.mean(values[rows])) for name, values in own.items()}
        gains = {
            f"gain:{name}": float(np.mean(values[rows] - other[name][rows]))
            for name, values in own.items()
        }
        return {**mine, **gains}

    whole = means()
    n = len(next(iter(own.values())))
    intervals = bootstrap(means, n, draws=DRAWS, seed=seed)
    return {
        "chosen": {name: whole[name] for name in own},
        "baseline": {name: float(np.mean(values)) for name, values in other.items()},
        "intervals": {name: intervals[name] for name in own if intervals},
        "gain": {
            name: {"value": whole[f"gain:{name}"], "ci": intervals.get(f"gain:{name}")}
            for name in own
        },
        **Units.of(n, row="question").to_json(),
    }


def by_kind(
    kinds: Sequence[str],
    own: NDArray[np.float64],
    other: NDArray[np.float64],
    bars: Mapping[str, float],
    seed: int,
) -> list[dict[str, Any]]:
    """The score of each kind of question, its gain over the baseline, and the bar it has to pass.

    Parameters
    ----------
    kinds : sequence of str
        Of n questions.
    own, other : ndarray of shape (n,)
        Their reciprocal ranks, by the chosen candidate and by the baseline.
    bars : mapping
        From a kind to the mean that is asked of it.
    seed : int
    """
    rows = []
    for kind in KINDS:
        at = [row for row, each in enumerate(kinds) if each == kind]
        if at:
            found = compare_rankings({scores.METRIC: own[at]}, {scores.METRIC: other[at]}, seed)
            score, bar = found["chosen"][scores.METRIC], bars.get(kind)
            rows.append(
                {
                    "kind": kind,
                    "n": len(at),
                    "score": score,
                    "ci": found["intervals"].get(scores.METRIC),
                    "baseline": found["baseline"][scores.METRIC],
                    "gain": found["gain"][scores.METRIC],
                    "bar": bar,
                    "reached": None if bar is None else score >= bar,
                }
            )
    return rows


def place(ranking: Sequence[str], relevant: Collection[str]) -> int | None:
    """The place of the first relevant document, counted from 1; None if it is not there."""
    return next((at for at, name in enumerate(ranking, start=1) if name in relevant), None)


def count_places(rankings: Rankings, questions: Sequence[Question]) -> list[int]:
    """How often the first relevant document stood in each of ten places, and how often in none."""
    counts = [0] * (scores.DEPTH + 1)
    for ranking, question in zip(rankings, questions, strict=True):
        found = place(ranking, question.relevant)
        counts[scores.DEPTH if found is None else found - 1] += 1
    return counts


def worst_questions(
    everything: Sequence[Question],
    asked: Sequence[Question],
    rankings: Rankings,
    reciprocal_ranks: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """The questions whose documents stand lowest.

    Parameters
    ----------
    everything : sequence of Question
        All of the test; a case has its row in it.
    asked : sequence of Question
        The n that documents answer.
    rankings : sequence of sequence of str
        The documents found for each of those.
    reciprocal_ranks : ndarray of shape (n,)
        1 over the place of the first relevant document, 0 where it was not found.
    """
    rows = {each.question: row for row, each in enumerate(everything)}
    cases = []
    for i in np.argsort(reciprocal_ranks, kind="stable")[:WORST].tolist():
        each, ranking = asked[i], rankings[i]
        cases.append(
            {
                "row": rows[each.question],
                "truth": ", ".join(each.relevant[:3]),
                "prediction": ranking[0] if ranking else None,
                "reciprocal_rank": float(reciprocal_ranks[i]),
                "text": each.question,
                "values": {"question": each.question, "place": place(ranking, each.relevant)},
            }
        )
    return cases


def question_slices(
    describe: Callable[[Question], dict[str, float | str]],
    questions: Sequence[Question],
    reciprocal_ranks: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Groups of questions for which the right document stands lower, or higher, than usual.

    Parameters
    ----------
    describe : callable
        From a question to what it is grouped by: numbers fall into quarters, text by value.
    questions : sequence of Question
        n of them.
    reciprocal_ranks : ndarray of shape (n,)
    """
    frame = pd.DataFrame([describe(each) for each in questions])
    frame = frame.astype({name: object for name in frame if frame[name].dtype.kind not in "fi"})
    # `slices` looks for large errors; of a score that should be high, the rest to 1 is one.
    found = slices(frame, 1 - reciprocal_ranks, scores.METRIC, smallest=SMALLEST_SLICE)
    for row in found:
        row["score"], row["gap"] = 1 - row["score"], -row["gap"]
        row["ci"] = row["ci"] and [1 - bound for bound in reversed(row["ci"])]
    return found
