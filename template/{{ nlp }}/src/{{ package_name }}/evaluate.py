"""The evaluation stage: judge the index on the test questions once, and study where it fails."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .answers import GOALS, POLICY
from .models import BARS, BM25, make_candidates
from .retrieval import arrange
from .settings import Params
from .toolkit.answer_evaluation import charts
from .toolkit.answer_evaluation.answers import evaluate_answers, share
from .toolkit.answer_evaluation.attacks import read_attacks
from .toolkit.answer_evaluation.rankings import (
    by_kind,
    compare_rankings,
    count_places,
    question_slices,
    worst_questions,
)
from .toolkit.answer_evaluation.reliability import reliability
from .toolkit.answer_evaluation.risk import risk_coverage
from .toolkit.answers.predictor import Predictor
from .toolkit.charts import figures, overview
from .toolkit.documents.kinds import kinds_of, overlap
from .toolkit.documents.questions import Question, read_subset, texts_of
from .toolkit.documents.reading import Document, read_documents
from .toolkit.evaluation.intervals import Units
from .toolkit.evaluation.openings import FIGURES, METRICS, count_opening
from .toolkit.evaluation.review import outcome
from .toolkit.evaluation.verdicts import repeated, verdict
from .toolkit.project.files import read_json, write_json
from .toolkit.project.settings import Project
from .toolkit.retrieval import scores
from .toolkit.training import tracking
from .toolkit.training.bundle import BUNDLE, add_findings, read_ladder
from .train import fit, missed, read_corpus

CHARTS: figures.Charts = {
    **figures.COMPARISON,
    "slices": overview.slices,
    "lengths": charts.lengths,
    "words": charts.words,
    "places": charts.places,
    "reliability": charts.reliability,
    "risk_coverage": charts.risk_coverage,
}


def own_scores(ranking: Sequence[str], relevant: Collection[str]) -> dict[str, float]:
    """Scores of your own beside the usual ones; each gets an interval and a line in the report.

    Parameters
    ----------
    ranking : sequence of str
        At most ten document ids, best first.
    relevant : collection of str
        The documents that answer the question, at least one.
    """
    return {}


def run(project: Project, params: Params) -> dict[str, Any]:
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
    root, environment = project.root, project.environment()
    ladder = read_ladder(root)
    predictor = Predictor.load(root / BUNDLE, environment, arrange, POLICY)
    train = read_subset(root, "train")
    # From here on the test questions are known: whoever changes the model now fits it to them.
    openings, looks = count_opening(root, root / "data" / "test.jsonl", predictor.version)
    test = read_subset(root, "test")
    asked = [each for each in test if each.answerable]

    rankings = [
        predictor.index.documents(each.question, scores.DEPTH)
        for each in tqdm(asked, "asking", unit="question")
    ]
    of_baseline = rank_with_baseline(project, params, train, asked)
    wanted = [each.relevant for each in asked]
    own = scores.of_all(rankings, wanted, own_scores)
    of_other = scores.of_all(of_baseline, wanted, own_scores)
    measured = compare_rankings(own, of_other, params.seed)
    documents = read_documents(root)
    result: dict[str, Any] = {
        "task": "retrieval",
        "n_train": len(train),
        "n_test": len(test),
        "n_ranked": len(asked),
        "test_openings": openings,
        "test_looks": looks,
        "model_version": predictor.version,
        **repeated(ladder, measured["chosen"][ladder["metric"]], ladder["metric"]),
        **measured,
    }
    result["places"] = {
        "chosen": count_places(rankings, asked),
        "baseline": count_places(of_baseline, asked),
    }
    result["answers"] = evaluate_answers(
        POLICY,
        predictor.metadata,
        environment,
        predictor.search,
        test,
        read_attacks(),
        predictor.index.vocabulary,
    )
    result |= study_abstentions(predictor, test, params)
    reciprocal_ranks = own[scores.METRIC]
    kinds = kinds_of(asked, documents)
    result["kinds"] = by_kind(kinds, reciprocal_ranks, of_other[scores.METRIC], BARS, params.seed)
    by_id = {each.id: each for each in documents}
    result["slices"] = question_slices(
        lambda question: describe(question, by_id), asked, reciprocal_ranks
    )
    result["worst"] = worst_questions(test, asked, rankings, reciprocal_ranks)
    result["fairness"] = []
    result["verdict"] = verdict(ladder, result, BM25)
    write_json(root / METRICS, result)
    # The service follows: where a look by a person does not pay, none is asked for.
    add_findings(root / BUNDLE, predictor.version, {"review": result["review"]})
    data = read_json(root / "reports" / "data.json", "data")
    drawn = figures.draw_all(CHARTS, data, ladder, result, root / FIGURES)
    run_id = ladder.get("mlflow_run_id")
    tracking.log_evaluation(project, run_id, result["chosen"], [root / METRICS, *drawn])
    return result


def rank_with_baseline(
    project: Project, params: Params, train: list[Question], asked: list[Question]
) -> list[list[str]]:
    """What the first candidate finds, fitted on the same training questions."""
    _, corpus = read_corpus(project, params)
    candidates = make_candidates(corpus, params.index.embedder, params.ladder.skip)
    known = [each for each in train if each.answerable]
    return fit(candidates[0], candidates, known).rank(texts_of(asked))


def study_abstentions(
    predictor: Predictor, questions: list[Question], params: Params
) -> dict[str, Any]:
    """When quoted sentences answer and when they abstain, and which answers go to a person.

    The rows of the confusion matrix are questions without an answer and those with one; its columns
    are abstentions and answers.
    """
    settings, review = predictor.answerer.settings, predictor.metadata["review"]
    confidences, misses, matrix = [], [], [[0, 0], [0, 0]]
    for each in questions:
        hits = predictor.search(each.question, settings.passages)
        answer = predictor.answerer.quote(each.question, hits)
        matrix[int(each.answerable)][int(not answer.abstained)] += 1
        confidences.append(answer.confidence)
        misses.append(missed(each, hits, params))
    sure, wrong = np.array(confidences), np.array(misses)
    able = np.array([each.answerable for each in questions])
    told = sure >= settings.abstain_below
    cutoff = 1.0 if review["cutoff"] is None else review["cutoff"]
    units = Units.of(int(told.sum()), row="answer")
    found = outcome(1 - sure[told] > cutoff, wrong[told], units, review["share"], "on the test set")
    reached = {
        "coverage": share(told[able].tolist()),
        "precision": share((wrong[told] == 0).tolist()),
        "refused": share((~told)[~able].tolist()),
    }
    return {
        "confusion_matrix": matrix,
        "threshold": settings.abstain_below,
        "money": None,
        "selective": {
            "goals": {
                name: {**part, "goal": GOALS[name], "reached": (part["share"] or 0) >= GOALS[name]}
                for name, part in reached.items()
            },
            "curve": risk_coverage(sure, wrong == 0, able),
        },
        "reliability": reliability(sure, wrong == 0, params.seed),
        "review": {**review, **found},
    }


def describe(question: Question, documents: dict[str, Document]) -> dict[str, float | str]:
    """What questions are grouped by, to see for which of them the search is weaker.

    Numbers fall into quarters, text is taken by its value.
    """
    relevant = [documents[name] for name in question.relevant]
    count = len(relevant)
    return {
        "words in the question": float(len(question.question.split())),
        "documents that answer": f"{min(count, 3)}{' or more' if count > 2 else ''}",
        "words of the question in the document's head": overlap(question, documents),
        "words in the document": float(np.mean([len(each.text.split()) for each in relevant])),
        "kind of file": Path(relevant[0].file).suffix,
    }
