"""The evaluation stage: judge the index on the test questions once, and study where it fails."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from .answers import POLICY
from .models import BM25, make_candidates
from .retrieval import arrange
from .settings import Params
from .toolkit.answer_evaluation import charts
from .toolkit.answer_evaluation.answers import evaluate_answers
from .toolkit.answer_evaluation.attacks import read_attacks
from .toolkit.answer_evaluation.rankings import (
    compare_rankings,
    count_places,
    question_slices,
    worst_questions,
)
from .toolkit.answers.predictor import Predictor
from .toolkit.charts import figures, overview
from .toolkit.documents.questions import Question, read_subset, texts_of
from .toolkit.documents.reading import Document, read_documents
from .toolkit.documents.tokenize import stems
from .toolkit.evaluation.judgements import repeated, rule_would_do
from .toolkit.evaluation.openings import FIGURES, METRICS, count_opening
from .toolkit.evaluation.review import outcome
from .toolkit.project.files import read_json, write_json
from .toolkit.project.settings import Project
from .toolkit.retrieval import scores
from .toolkit.training import tracking
from .toolkit.training.bundle import BUNDLE, LADDER
from .train import fit, read_corpus

CHARTS: figures.Charts = {
    **figures.COMPARISON,
    "slices": overview.slices,
    "places": charts.places,
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
    ladder = read_json(root / LADDER, "train")
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
    measured = compare_rankings(own, scores.of_all(of_baseline, wanted, own_scores), params.seed)
    result: dict[str, Any] = {
        "task": "retrieval",
        "n_train": len(train),
        "n_test": len(test),
        "n_ranked": len(asked),
        "test_openings": openings,
        "test_looks": looks,
        "model_version": predictor.version,
        **repeated(ladder, measured["chosen"][ladder["metric"]]),
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
    result |= study_abstentions(predictor, test)
    documents = {each.id: each for each in read_documents(root)}
    reciprocal_ranks = own[scores.METRIC]
    result["slices"] = question_slices(
        lambda question: describe(question, documents), asked, reciprocal_ranks
    )
    result["worst"] = worst_questions(test, asked, rankings, reciprocal_ranks)
    result["fairness"] = []
    result["rule_would_do"] = rule_would_do(ladder, BM25)
    write_json(root / METRICS, result)
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


def study_abstentions(predictor: Predictor, questions: list[Question]) -> dict[str, Any]:
    """When quoted sentences answer and when they abstain, and whom their confidence sends.

    The rows of the confusion matrix are questions without an answer and those with one; its columns
    are abstentions and answers.
    """
    settings = predictor.answerer.settings
    confidences, found, matrix = [], [], [[0, 0], [0, 0]]
    for each in questions:
        hits = predictor.search(each.question, settings.passages)
        answer = predictor.answerer.quote(each.question, hits)
        matrix[int(each.answerable)][int(not answer.abstained)] += 1
        confidences.append(answer.confidence)
        found.append(bool({hit.chunk.doc for hit in hits} & set(each.relevant)))
    floor = predictor.metadata["confidence_floor"]
    return {
        "confusion_matrix": matrix,
        "threshold": settings.abstain_below,
        "money": None,
        "review": outcome(floor, np.array(confidences), np.array(found)),
    }


def describe(question: Question, documents: dict[str, Document]) -> dict[str, float | str]:
    """What questions are grouped by, to see for which of them the search is weaker.

    Numbers fall into quarters, text is taken by its value.
    """
    asked = stems(question.question)
    relevant = [documents[name] for name in question.relevant]
    shared = [len(asked & stems(f"{each.title}\n{each.text}")) for each in relevant]
    count = len(relevant)
    return {
        "words in the question": float(len(question.question.split())),
        "documents that answer": f"{min(count, 3)}{' or more' if count > 2 else ''}",
        "words of the question in the document": max(shared) / max(len(asked), 1),
        "words in the document": float(np.mean([len(each.text.split()) for each in relevant])),
        "kind of file": Path(relevant[0].file).suffix,
    }
