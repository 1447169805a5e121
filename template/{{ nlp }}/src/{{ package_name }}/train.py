"""The training stage: compare the candidates, choose one, fit it on all training questions, write it."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .answers import GOALS, POLICY, UNCHOSEN
from .data import folds
from .documents import make_chunks
from .models import BARS, Retriever, make_candidates
from .retrieval import arrange
from .settings import Params
from .toolkit import stores
from .toolkit.answer_evaluation.rankings import by_kind
from .toolkit.answer_evaluation.risk import choose_threshold, risk_coverage
from .toolkit.answers.confidence import fit_calibration, out_of_fold
from .toolkit.answers.policy import quoted_documents
from .toolkit.answers.predictor import Predictor
from .toolkit.documents import language
from .toolkit.documents.kinds import kinds_of
from .toolkit.documents.questions import Question, read_subset, relevant_of, texts_of
from .toolkit.documents.reading import main_language, read_documents
from .toolkit.evaluation.intervals import Units
from .toolkit.evaluation.review import outcome
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
    repeats_of,
)
from .toolkit.training.decisions import choose_cutoff

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
    documents = read_documents(root)
    require_better_than_chance(comparison, len(documents))
    own, other = (
        out_of_fold_ranks(comparison, each, asked) for each in (chosen, comparison.results[0])
    )
    ladder["kinds"] = by_kind(kinds_of(asked, documents), own, other, BARS, params.seed)
    model = fit(chosen.candidate, candidates, asked)
    metadata = {
        **provenance(project, installed_packages()),
        **describe(model, questions, comparison, chosen, candidates, params),
        "documents": len(documents),
    }
    metadata = write_bundle(project, params, encoder, model, metadata, texts_of(asked), ladder)
    tags = {
        "data_sha256": metadata["data_sha256"],
        "git_commit": metadata["git_commit"] or "none",
        "model_version": metadata["model_version"],
    }
    ladder["mlflow_run_id"] = tracking.log_comparison(
        project, params, comparison, chosen, tags, [root / LADDER]
    )
    ladder["model_version"] = metadata["model_version"]
    write_json(root / LADDER, ladder)
    return ladder


def read_corpus(project: Project, params: Params) -> tuple[Encoder, Corpus]:
    """The chunks to be searched, and the embedder, which is loaded when a candidate needs it."""
    documents = read_documents(project.root)
    language.use(main_language(documents))
    chunks = make_chunks(documents, params.index.characters)
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


def out_of_fold_ranks(
    comparison: Comparison, result: Result, asked: list[Question]
) -> NDArray[np.float64]:
    """The reciprocal rank of each question's document by retrievers that had not seen it, shape (n,)."""
    rankings = [ranking for part in result.predictions for ranking in part]
    wanted = [asked[row].relevant for row in comparison.validated]
    found = scores.of_all(rankings, wanted)[scores.METRIC]
    return np.bincount(comparison.validated, found) / np.bincount(comparison.validated)


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
    misses = np.array([missed(*pair, params) for pair in zip(questions, hits, strict=True)])
    is_right = (misses == 0).tolist()
    calibration = fit_calibration(features, is_right, POLICY.fallback)
    confidences = out_of_fold(features, is_right, POLICY.fallback, params.seed)
    answers = params.answers.model_dump(mode="json")
    if answers["abstain_below"] == "auto":
        answers["abstain_below"] = UNCHOSEN
        if calibration.learned_from:
            able = np.array([each.answerable for each in questions])
            points = risk_coverage(confidences, misses == 0, able)
            answers["abstain_below"] = choose_threshold(points, GOALS)["threshold"]
    told = confidences >= answers["abstain_below"]
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
        "language": language.current(),
        "setup": model.setup_.to_json(),
        "passages": len(index.chunks),
        "confidence": calibration.to_json(),
        "review": plan_review(1 - confidences[told], misses[told], params),
        "answers": answers,
        "llm": params.llm.model_dump(mode="json"),
        **choose_examples(questions, confidences, misses == 0, told),
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
    once = comparison.folds[: len(comparison.folds) // repeats_of(comparison.folds)]
    for number, (train, validation) in enumerate(once):
        index = fit(candidate, candidates, [asked[row] for row in train]).index()
        held_out = [asked[row] for row in validation] + others[number :: len(once)]
        by_question |= dict.fromkeys(texts_of(held_out), index)
    return lambda question, k: by_question[question].search(question, k)


def choose_examples(
    questions: list[Question],
    confidences: NDArray[np.float64],
    is_right: NDArray[np.bool_],
    told: NDArray[np.bool_],
) -> dict[str, Any]:
    """What the page opens on: the surest right answer of the folds, and a question refused there.

    Of those without an answer that are refused, the one that comes nearest to being answered.
    """
    able = np.array([each.answerable for each in questions])
    found = {}
    for name, rows in (("Answered", is_right & told), ("Refused", ~able & ~told)):
        if rows.any():
            row = int(np.argmax(np.where(rows, confidences, -1.0)))
            found[name] = {"question": questions[row].question}
    first = next(each.question for each in questions if each.answerable)
    return {
        "example": found.get("Answered", {"question": first})["question"],
        "examples": found,
        "examples_are": "Questions of the folds:",
    }


def plan_review(
    doubts: NDArray[np.float64], wrong: NDArray[np.float64], params: Params
) -> dict[str, Any]:
    """Which answers go to a person: `review.share` of them, those of the lowest confidence."""
    share = params.review.share
    cutoff = choose_cutoff(doubts, share)
    marked = np.zeros(len(doubts), bool) if cutoff is None else doubts > cutoff
    units = Units.of(len(doubts), row="answer")
    return {
        "share": share,
        "cutoff": cutoff,
        **outcome(marked, wrong, units, share, "out of fold"),
    }


def missed(question: Question, hits: list[Hit], params: Params) -> float:
    """1 where nothing quoted is of a document that answers, which is what an answer then costs."""
    quoted = quoted_documents(POLICY, question.question, hits, params.answers.sentences)
    return float(not quoted & set(question.relevant))


def write_bundle(
    project: Project,
    params: Params,
    encoder: Encoder,
    model: Retriever,
    metadata: dict[str, Any],
    questions: list[str],
    ladder: dict[str, Any],
) -> dict[str, Any]:
    """Write the index, compare it with the trained one, put it in place; return its metadata."""
    environment = project.environment()
    setup = model.setup_
    with replacing(project.root, ladder=ladder) as work:
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
