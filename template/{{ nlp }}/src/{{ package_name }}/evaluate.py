"""The stage `evaluate`: open the test questions, count the opening, and study the failures."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from .toolkit.retrieval import scores
from .toolkit.training import tracking
from .toolkit.answers.evaluation import study
from .toolkit.documents.tokenize import stems
from .toolkit.training.bundle import BUNDLE, LADDER
from .toolkit.project.config import Params, environment
from .toolkit.documents.chunking import cut
from .toolkit.documents.reading import Document, read_documents
from .toolkit.charts.figures import draw_all
from .toolkit.project.files import read_json, write_json
from .toolkit.answers.injection import attacks
from .toolkit.training.comparison import refit
from .toolkit.documents.questions import Question, read_side
from .toolkit.evaluation.display import metric_label, number
from .toolkit.evaluation.display import score as shown
from .models import BM25, make_rungs
from .toolkit.answers.predictor import Predictor
from .toolkit.evaluation.evaluation import FIGURES, METRICS, count_opening
from .toolkit.evaluation.scores import bootstrap
from .toolkit.training.review import outcome
from .toolkit.evaluation.slices import slices
from .train import Meaning, relevant_of, texts_of

WORST = 20
SMALLEST_SLICE = 15
DRAWS = 2000


def run(root: Path, params: Params) -> dict[str, Any]:
    """Measure the index in place on the test questions.

    Returns
    -------
    dict
        The content of `reports/metrics.json`.

    Raises
    ------
    UserError
        If there is no index, or no test questions.
    """
    ladder = read_json(root / LADDER, "train")
    predictor = Predictor.load(root / BUNDLE)
    documents = read_documents(root)
    train = read_side(root, "train")
    openings = count_opening(root, root / "data" / "test.jsonl", predictor.version)
    everything = read_side(root, "test")
    asked = [each for each in everything if each.answerable]
    wanted = relevant_of(asked)
    rankings = [
        predictor.index.documents(each.question, scores.DEPTH)
        for each in tqdm(asked, "asking", unit="q")
    ]
    base = _baseline(root, documents, train, params).rank(texts_of(asked))
    own, other = scores.of_all(rankings, list(wanted)), scores.of_all(base, list(wanted))
    metric = ladder["metric"]
    result: dict[str, Any] = {
        "task": "retrieval",
        "n_train": len(train),
        "n_test": len(everything),
        "n_ranked": len(asked),
        "test_openings": openings,
        "model_version": predictor.version,
        "chosen_rung": ladder["chosen"],
        "baseline_rung": ladder["rungs"][0]["name"],
        **compared(own, other, params.seed),
    }
    result["primary"] = {
        "metric": metric,
        "cv_mean": predictor.metadata["metrics"]["cv_mean"],
        "cv_std": predictor.metadata["metrics"]["cv_std"],
        "test": result["chosen"][metric],
    }
    result["places"] = {
        "chosen": places(rankings, wanted),
        "baseline": places(base, wanted),
    }
    rows = [vars(each) for each in everything]
    result["answers"] = study(
        predictor.metadata,
        environment(root),
        predictor.search,
        rows,
        attacks(),
        predictor.index.vocabulary,
    )
    result |= _decisions(predictor, everything)
    result["slices"] = _slices(documents, asked, own["mrr_at_10"])
    result["worst"] = _worst(everything, asked, rankings, own["mrr_at_10"])
    result["fairness"] = []
    result["rule_would_do"] = words_would_do(ladder)
    write_json(root / METRICS, result)
    data = read_json(root / "reports" / "data.json", "data")
    figures = draw_all(data, ladder, result, root / FIGURES)
    tracking.log_evaluation(
        root, ladder.get("mlflow_run_id"), result["chosen"], [root / METRICS, *figures]
    )
    return result


def compared(
    own: dict[str, NDArray[np.float64]], other: dict[str, NDArray[np.float64]], seed: int
) -> dict[str, Any]:
    """Means of both retrievers, with intervals of the first and of its gain over the second.

    Questions are drawn anew, the same for both, so that a gain is paired by question.

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
        "intervals": {name: intervals[name] for name in own},
        "gain": {
            name: {"value": whole[f"gain:{name}"], "ci": intervals[f"gain:{name}"]} for name in own
        },
        "interval_unit": "questions",
    }


def places(rankings: Sequence[Sequence[str]], wanted: NDArray[Any]) -> list[int]:
    """How often the first relevant document stood in each of ten places, and how often in none."""
    counts = [0] * (scores.DEPTH + 1)
    for ranking, relevant in zip(rankings, wanted, strict=True):
        place = _place(ranking, relevant)
        counts[scores.DEPTH if place is None else place - 1] += 1
    return counts


def words_would_do(ladder: dict[str, Any]) -> dict[str, Any]:
    """Whether the search that needs no embeddings is within one standard error of the best."""
    rungs = {rung["name"]: rung for rung in ladder["rungs"]}
    simple, best = rungs.get(BM25), rungs[ladder["best"]]
    if simple is None:
        return {"answer": False, "sentence": f"{BM25} was left out, so it is not compared."}
    metric = ladder["metric"]
    answer = best["mean"] - simple["mean"] <= ladder["standard_error"]
    start = "No embeddings are needed" if answer else "Shared words alone do not do"
    return {
        "answer": bool(answer),
        "sentence": f"{start}: {BM25} has {metric_label(metric)} {shown(metric, simple['mean'])} "
        f"in cross-validation, {best['name']} {shown(metric, best['mean'])}; one standard error is "
        f"{number(ladder['standard_error'], 2)}.",
    }


def _baseline(root: Path, documents: list[Document], train: list[Question], params: Params) -> Any:
    """The first rung, fitted on the training questions."""
    known = [each for each in train if each.answerable]
    meaning = Meaning(root, cut(documents, params.index.characters), params)
    rungs = make_rungs(meaning.sizes(), params)
    return refit(rungs[0], rungs, None, texts_of(known), relevant_of(known))


def _decisions(predictor: Predictor, questions: list[Question]) -> dict[str, Any]:
    """When quoted sentences answer and when they abstain, and whom their confidence sends.

    The rows of the confusion matrix are questions without an answer and those with one; its columns
    are abstentions and answers.
    """
    settings = predictor.answerer.settings
    confidence, found, matrix = [], [], [[0, 0], [0, 0]]
    for each in questions:
        hits = predictor.search(each.question, settings.passages)
        answer = predictor.answerer.quote(each.question, hits)
        matrix[int(each.answerable)][int(not answer.abstained)] += 1
        confidence.append(answer.confidence)
        found.append(bool({hit.chunk.doc for hit in hits} & set(each.relevant)))
    sure, right = np.array(confidence), np.array(found)
    return {
        "confusion_matrix": matrix,
        "threshold": settings.abstain_below,
        "money": None,
        "review": outcome(predictor.metadata["confidence_floor"], sure, right),
    }


def _slices(
    documents: list[Document], questions: list[Question], ranks: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Groups of questions for which the right document stands lower, or higher, than usual."""
    known = {each.id: each for each in documents}
    rows = []
    for each in questions:
        asked = stems(each.question)
        held = [stems(f"{known[name].title}\n{known[name].text}") for name in each.relevant]
        rows.append(
            {
                "words in the question": float(len(each.question.split())),
                "documents that answer": str(min(len(each.relevant), 3))
                + (" or more" if len(each.relevant) > 2 else ""),
                "words of the question in the document": max(
                    len(asked & words) / max(len(asked), 1) for words in held
                ),
                "words in the document": float(
                    np.mean([len(known[name].text.split()) for name in each.relevant])
                ),
                "kind of file": Path(known[each.relevant[0]].file).suffix,
            }
        )
    frame = pd.DataFrame(rows)
    frame = frame.astype({name: object for name in frame if frame[name].dtype.kind not in "fi"})
    found = slices(frame, 1 - ranks, scores.METRIC, smallest=SMALLEST_SLICE)
    for row in found:
        row["score"], row["gap"] = 1 - row["score"], -row["gap"]
        row["ci"] = [1 - row["ci"][1], 1 - row["ci"][0]]
    return found


def _worst(
    everything: list[Question],
    asked: list[Question],
    rankings: list[list[str]],
    ranks: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """The questions whose documents stand lowest."""
    rows = {each.question: row for row, each in enumerate(everything)}
    cases = []
    for i in np.argsort(ranks, kind="stable")[:WORST].tolist():
        each, place = asked[i], _place(rankings[i], asked[i].relevant)
        cases.append(
            {
                "row": rows[each.question],
                "truth": ", ".join(each.relevant[:3]),
                "prediction": rankings[i][0] if rankings[i] else None,
                "reciprocal_rank": float(ranks[i]),
                "text": each.question,
                "values": {"question": each.question, "place": place},
            }
        )
    return cases


def _place(ranking: Sequence[str], relevant: Any) -> int | None:
    """The place of the first relevant document, counted from 1; None if it is not there."""
    return next((place for place, name in enumerate(ranking, start=1) if name in relevant), None)
