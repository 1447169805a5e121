"""The training stage: compare the candidates, choose one, fit it on all training questions, write it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .answers import POLICY
from .data import folds
from .documents import make_chunks
from .models import Retriever, make_candidates
from .retrieval import arrange
from .settings import Params
from .toolkit import stores
from .toolkit.answers.confidence import fit_calibration
from .toolkit.answers.predictor import Predictor
from .toolkit.documents.questions import Question, read_subset, relevant_of, texts_of
from .toolkit.documents.reading import read_documents
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_json
from .toolkit.project.settings import Project
from .toolkit.retrieval import scores
from .toolkit.retrieval.bundle import check_parity, installed_packages, write_index
from .toolkit.retrieval.chunks import Hit
from .toolkit.retrieval.corpus import Corpus
from .toolkit.retrieval.index import Index
from .toolkit.retrieval.vectors import Encoder
from .toolkit.training import tracking
from .toolkit.training.bundle import LADDER, provenance, replacing
from .toolkit.training.comparison import (
    Candidate,
    Comparison,
    Result,
    Scoring,
    cross_validate,
    refit,
)

RULE = (
    "The simplest candidate whose mean score is within one standard error of the best "
    "(Breiman, Friedman, Olshen and Stone 1984, section 3.4.3)."
)
Search = Callable[[str, int], list[Hit]]


def run(project: Project, params: Params) -> dict[str, Any]:
    """Train, and put the new index in place.

    Returns
    -------
    dict
        The content of `reports/ladder.json`.

    Raises
    ------
    UserError
        If nothing finds more than chance would, or the written index answers differently from the
        trained one; the earlier index then stays in place.
    """
    root = project.root
    questions = read_subset(root, "train")
    # Rankings are judged on questions that have an answer; the others teach when there is none.
    asked = [each for each in questions if each.answerable]
    encoder, corpus = read_corpus(project, params)
    candidates = make_candidates(corpus, params.index.embedder, params.ladder.skip)
    comparison = cross_validate(
        candidates,
        texts_of(asked),
        relevant_of(asked),
        folds(asked, params),
        Scoring(scores.require(params.metric), Retriever.rank, scores.score),
    )
    chosen = choose(comparison)
    ladder = comparison.to_json(chosen, RULE)
    write_json(root / LADDER, ladder)
    require_better_than_chance(comparison, len(read_documents(root)))
    model = fit(chosen.candidate, candidates, asked)
    metadata = {
        **provenance(project, installed_packages()),
        **describe(model, questions, comparison, chosen, candidates, params),
        "documents": len(read_documents(root)),
    }
    metadata = write_bundle(project, params, encoder, model, metadata, texts_of(asked))
    tags = {
        "data_sha256": metadata["data_sha256"],
        "git_commit": metadata["git_commit"] or "none",
        "model_version": metadata["model_version"],
    }
    ladder["mlflow_run_id"] = tracking.log_comparison(
        project, params, comparison, chosen, tags, [root / LADDER]
    )
    write_json(root / LADDER, ladder)
    return ladder


def read_corpus(project: Project, params: Params) -> tuple[Encoder, Corpus]:
    """The chunks to be searched, and the embedder, which is loaded when a candidate needs it."""
    chunks = make_chunks(read_documents(project.root), params.index.characters)
    address = project.environment().embeddings_base_url
    encoder = Encoder(project.root, params.index, address)
    vectors = partial(encoder.vectors, [chunk.searched for chunk in chunks])
    return encoder, Corpus(chunks, params.index.joined, vectors, encoder.vector)


def choose(comparison: Comparison) -> Result:
    """The simplest candidate within one standard error of the best; see `RULE`.

    The best mean of several is partly luck. Where words alone do, BM25 ships: no weights, no vectors.
    """
    best = comparison.best
    floor = best.mean - best.standard_error
    return next(result for result in comparison.results if result.mean >= floor)


def require_better_than_chance(comparison: Comparison, documents: int) -> None:
    """Refuse an index that finds no more than a random order of the documents.

    Unlike a baseline that ignores the question, BM25 may ship, so it is chance that must be beaten.
    A random order has a relevant document at each place with equal odds.
    """
    places = range(1, min(scores.DEPTH, documents) + 1)
    chance = sum(1 / place for place in places) / documents
    best = comparison.best
    # Three times chance, but with few documents no more than half-way to perfect.
    if comparison.metric == scores.METRIC and best.mean <= min(3 * chance, (1 + chance) / 2):
        raise UserError(
            f"Nothing finds the documents: the best candidate, {best.name}, has MRR "
            f"{best.mean:.3f}, and a random order has about {chance:.3f}. No index was put "
            "in place. Look at the labels in your questions file: do they name the right documents?"
        )


def fit(candidate: Candidate, candidates: list[Candidate], asked: list[Question]) -> Retriever:
    """The candidate, fitted on questions that documents answer."""
    model: Retriever = refit(candidate, candidates, None, texts_of(asked), relevant_of(asked))
    return model


def describe(
    model: Retriever,
    questions: list[Question],
    comparison: Comparison,
    chosen: Result,
    candidates: list[Candidate],
    params: Params,
) -> dict[str, Any]:
    """What the service must know of the index, decided on questions that its training had not seen."""
    index = model.index()
    search = out_of_fold_search(questions, comparison, chosen.candidate, candidates)
    hits = [search(each.question, params.answers.passages) for each in questions]
    features = [
        POLICY.features(each.question, found, index.vocabulary)
        for each, found in zip(questions, hits, strict=True)
    ]
    answerable = [each.answerable for each in questions]
    calibration = fit_calibration(features, answerable, POLICY.fallback)
    confidences = [calibration.confidence(each) for each in features]
    target = {"name": "relevant document", "task": "retrieval", "classes": []}
    return {
        "task": "retrieval",
        "target": "relevant document",
        "rung": chosen.name,
        "rung_reason": chosen.candidate.reason,
        "metrics": {"metric": comparison.metric, "cv_mean": chosen.mean, "cv_std": chosen.std},
        "schema": {
            "target": target,
            "columns": [],
            "question": {"longest": params.answers.longest_question},
        },
        "setup": model.setup_.to_json(),
        "passages": len(index.chunks),
        "confidence": calibration.to_json(),
        "confidence_floor": review_floor(questions, hits, confidences, params),
        "answers": params.answers.model_dump(mode="json"),
        "llm": params.llm.model_dump(mode="json"),
        "example": next(each.question for each in questions if each.answerable),
    }


def out_of_fold_search(
    questions: list[Question],
    comparison: Comparison,
    candidate: Candidate,
    candidates: list[Candidate],
) -> Search:
    """A search of the training questions, each by the retriever whose training lacked it.

    On questions it was fitted to, a retriever looks surer than it will be of new ones. Those without
    an answer take no part in training; the folds have them in turn.
    """
    asked = [each for each in questions if each.answerable]
    others = [each for each in questions if not each.answerable]
    by_question: dict[str, Index] = {}
    for number, (train, validation) in enumerate(comparison.folds):
        index = fit(candidate, candidates, [asked[row] for row in train]).index()
        held_out = [asked[row] for row in validation] + others[number :: len(comparison.folds)]
        by_question |= dict.fromkeys(texts_of(held_out), index)
    return lambda question, k: by_question[question].search(question, k)


def review_floor(
    questions: list[Question], hits: list[list[Hit]], confidences: list[float], params: Params
) -> float:
    """The confidence under which an answer goes to a person: `review.confidence_floor`.

    `auto` lets half of the training questions whose documents were not found fall under it.
    """
    if params.review.confidence_floor != "auto":
        return float(params.review.confidence_floor)
    failed = [
        confidence
        for each, found, confidence in zip(questions, hits, confidences, strict=True)
        if not {hit.chunk.doc for hit in found} & set(each.relevant)
    ]
    return float(np.nextafter(np.median(failed), 2)) if failed else 0.5


def write_bundle(
    project: Project,
    params: Params,
    encoder: Encoder,
    model: Retriever,
    metadata: dict[str, Any],
    questions: list[str],
) -> dict[str, Any]:
    """Write the index, compare it with the trained one, put it in place; return its metadata."""
    environment = project.environment()
    setup = model.setup_
    with replacing(project.root) as work:
        embedder = store = None
        if setup.dense:
            embedder = encoder.embedder
            store = stores.create(
                work,
                params.store,
                project=project.slug,
                name=metadata["model_version"],
                dimensions=model.corpus.sizes[setup.joined].vectors.shape[1],
                address=environment.database_url,
            )
        metadata = {**metadata, **write_index(work, model.corpus, setup, embedder, store)}
        write_json(work / "metadata.json", metadata)
        written = Predictor.load(work, environment, arrange, POLICY).index
        metadata["parity"] = check_parity(model.index(), written, questions)
        write_json(work / "metadata.json", metadata)
    return metadata
