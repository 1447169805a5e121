"""The stage `train`: climb the ladder, choose by the rule, refit, write the index, log."""

import importlib.util
import logging
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from .toolkit.training import bundle, tracking
from .toolkit.retrieval import scores, vectors
from .toolkit import stores
from .toolkit.answers.confidence import Calibration, signals
from .toolkit.answers.evaluation import calibrate
from .toolkit.training.bundle import LADDER
from .toolkit.project.config import Params, environment
from .toolkit.documents.chunking import cut
from .toolkit.documents.reading import read_documents
from .toolkit.retrieval.embedder import Embedder, EmbedderUnavailable
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_json
from .toolkit.splitting.folds import make_folds
from .toolkit.retrieval.index import Index
from .toolkit.training.comparison import Climb, Rung, climb, refit
from .toolkit.documents.passages import Chunk, Hit
from .toolkit.documents.questions import Question, groups_of, read_side
from .toolkit.retrieval.retriever import Retriever, Sizes
from .models import make_rungs
from .toolkit.answers.predictor import Predictor, write_passages

logger = logging.getLogger(__name__)

PACKAGES = ("bm25s", "fastembed", "onnxruntime", "chromadb", "numpy", "scipy", "scikit-learn")
COMPARED = 20
SAME = 1e-3


class Meaning:
    """The embedder of a project, had only when it is asked for.

    Parameters
    ----------
    root : Path
        The project's folder.
    passages : list of Chunk
        The smallest passages.
    params : Params
    """

    def __init__(self, root: Path, passages: list[Chunk], params: Params) -> None:
        self.root = root
        self.passages = passages
        self.params = params
        self._why_not: EmbedderUnavailable | None = None

    @cached_property
    def embedder(self) -> Embedder:
        """The embedder that `index.embedder` names; what cannot be had is not tried again.

        Raises
        ------
        EmbedderUnavailable
        """
        if self._why_not is not None:
            raise self._why_not
        settings = self.params.index
        address = environment(self.root).embeddings_base_url
        cache = self.root / vectors.FILE.parent
        try:
            return Embedder.get(settings.embedder, cache, settings.threads, address)
        except EmbedderUnavailable as error:
            self._why_not = error
            raise

    def vectors(self) -> NDArray[np.float32]:
        """Those of all passages, shape (n, d)."""
        texts = [f"{passage.title}\n{passage.text}" for passage in self.passages]
        embedder = self.embedder
        with tqdm(total=len(texts), desc="embedding", unit="passage") as bar:
            return vectors.embed(self.root, embedder, texts, bar.update)

    def vector(self, question: str) -> NDArray[np.float32]:
        """That of a question, shape (d,)."""
        return self.embedder.vector(question)

    def sizes(self) -> Sizes:
        """The passages in every size that may be chosen."""
        return Sizes(self.passages, self.params.index.joined, self.vectors, self.vector)


def run(root: Path, params: Params) -> dict[str, Any]:
    """Train and put the new bundle in place.

    Returns
    -------
    dict
        The content of `reports/ladder.json`.

    Raises
    ------
    UserError
        If the ladder cannot be climbed, finds no better than chance, or the written index answers
        differently; the earlier bundle then stays in place.
    """
    metric = scores.require(params.metric)
    documents = read_documents(root)
    everything = read_side(root, "train")
    asked = [each for each in everything if each.answerable]
    meaning = Meaning(root, cut(documents, params.index.characters), params)
    rungs = make_rungs(meaning.sizes(), params)
    questions, relevant = texts_of(asked), relevant_of(asked)
    folds = make_folds(
        np.zeros(len(asked)),
        params.cv.folds,
        classes=False,
        groups=groups_of(asked),
        seed=params.seed,
    )
    with tqdm(total=len(folds) * len(rungs), desc="climbing", unit="fit") as bar:

        def on_step(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        climbed = climb(
            rungs,
            questions,
            relevant,
            folds,
            metric,
            on_step=on_step,
            answer=lambda model, rows: model.rank(rows),
            score=scores.score,
        )
    ladder = climbed.to_json()
    write_json(root / LADDER, ladder)
    _require_better_than_chance(climbed, len(documents))
    model: Retriever = refit(climbed.chosen.rung, rungs, None, questions, relevant)
    index = model.index()
    unseen = _unseen(climbed, rungs, asked, [each for each in everything if not each.answerable])
    metadata = {
        **bundle.provenance(root, [name for name in PACKAGES if _installed(name)]),
        **_description(climbed, model, everything, unseen, index, params),
        "documents": len(documents),
    }
    with bundle.replacing(root) as work:
        metadata |= _write(work, metadata["model_version"], index, model, meaning, params)
        write_json(work / "metadata.json", metadata)
        metadata["parity"] = _parity(work, index, questions[:COMPARED])
        write_json(work / "metadata.json", metadata)
    tags = {"data_sha256": metadata["data_sha256"], "git_commit": metadata["git_commit"] or "none"}
    ladder["mlflow_run_id"] = tracking.log_climb(
        root, params, climbed, {**tags, "model_version": metadata["model_version"]}, [root / LADDER]
    )
    write_json(root / LADDER, ladder)
    return ladder


def texts_of(questions: Sequence[Question]) -> list[str]:
    """What is asked."""
    return [each.question for each in questions]


def relevant_of(questions: Sequence[Question]) -> NDArray[Any]:
    """The documents that answer each of n questions, shape (n,), an object array of sets."""
    wanted = np.empty(len(questions), dtype=object)
    wanted[:] = [frozenset(each.relevant) for each in questions]
    return wanted


def _installed(name: str) -> bool:
    return importlib.util.find_spec({"scikit-learn": "sklearn"}.get(name, name)) is not None


def _require_better_than_chance(climbed: Climb, documents: int) -> None:
    """A random order of the documents has a relevant one at each place with equal odds."""
    places = range(1, min(scores.DEPTH, documents) + 1)
    chance = sum(1 / place for place in places) / documents
    # Three times chance, but with few documents no more than half-way to perfect.
    if climbed.metric == scores.METRIC and climbed.best.mean <= min(3 * chance, (1 + chance) / 2):
        raise UserError(
            f"Nothing finds the documents: the best rung, {climbed.best.rung.name}, has MRR "
            f"{climbed.best.mean:.3f}, and a random order has about {chance:.3f}. No index was put "
            "in place. Look at the labels in your questions file: do they name the right documents?"
        )


def _unseen(
    climbed: Climb, rungs: list[Rung], asked: list[Question], others: list[Question]
) -> Callable[[str, int], list[Hit]]:
    """A search of the training questions, each by the retriever whose training side lacked it.

    Questions without an answer take no part in training; the folds have them in turn.
    """
    texts, relevant = texts_of(asked), relevant_of(asked)
    by_question: dict[str, Index] = {}
    for number, (train, validation) in enumerate(climbed.folds):
        known = [texts[row] for row in train]
        index = refit(climbed.chosen.rung, rungs, None, known, relevant[train]).index()
        held_out = [texts[row] for row in validation]
        held_out += texts_of(others[number :: len(climbed.folds)])
        by_question |= dict.fromkeys(held_out, index)
    return lambda question, k: by_question[question].search(question, k)


def _description(
    climbed: Climb,
    model: Retriever,
    questions: list[Question],
    unseen: Callable[[str, int], list[Hit]],
    index: Index,
    params: Params,
) -> dict[str, Any]:
    chosen = climbed.chosen
    rows = [vars(each) for each in questions]
    calibration = calibrate(unseen, rows, params.answers.passages, index.vocabulary)
    return {
        "task": "retrieval",
        "target": "relevant document",
        "rung": chosen.rung.name,
        "rung_reason": chosen.rung.reason,
        "metrics": {"metric": climbed.metric, "cv_mean": chosen.mean, "cv_std": chosen.std},
        "schema": {
            "target": {"name": "relevant document", "task": "retrieval", "classes": []},
            "columns": [],
            "question": {"longest": params.answers.longest_question},
        },
        "setup": model.setup_.to_json(),
        "passages": len(index.chunks),
        "confidence": calibration.to_json(),
        "confidence_floor": _floor(params, calibration, unseen, index.vocabulary, questions),
        "answers": params.answers.model_dump(mode="json"),
        "llm": params.llm.model_dump(mode="json"),
        "example": next(each.question for each in questions if each.answerable),
    }


def _floor(
    params: Params,
    calibration: Calibration,
    search: Callable[[str, int], list[Hit]],
    vocabulary: frozenset[str],
    questions: list[Question],
) -> float:
    """`review.confidence_floor`; `auto` lets half of the training questions that fail fall under."""
    if params.review.confidence_floor != "auto":
        return float(params.review.confidence_floor)
    failed = []
    for each in questions:
        hits = search(each.question, params.answers.passages)
        if not {hit.chunk.doc for hit in hits} & set(each.relevant):
            failed.append(calibration.confidence(signals(each.question, hits, vocabulary)))
    return float(np.nextafter(np.median(failed), 2)) if failed else 0.5


def _write(
    work: Path, version: str, index: Index, model: Retriever, meaning: Meaning, params: Params
) -> dict[str, Any]:
    """Write what is searched into a bundle; return what loading it needs."""
    setup = model.setup_
    write_passages(work, index.chunks)
    size = model.sizes.sizes[setup.joined]
    if (words := size.words(setup)) is not None:
        words.way.save(work)  # type: ignore[attr-defined]
    if not setup.meaning:
        return {"embedder": None, "store": None}
    found = size.vectors()
    store = stores.create(
        work,
        params.store,
        name=version,
        dimensions=found.shape[1],
        address=environment(meaning.root).database_url,
    )
    store.add([chunk.id for chunk in index.chunks], found)
    store.close()
    return {"embedder": meaning.embedder.save(work), "store": store.spec}


def _parity(work: Path, index: Index, questions: Sequence[str]) -> dict[str, Any]:
    """Whether the written index finds what the trained one does."""
    predictor = Predictor.load(work)
    differences = []
    for question in questions:
        mine = [hit.score for hit in index.search(question, scores.DEPTH)]
        its = [hit.score for hit in predictor.search(question, scores.DEPTH)]
        differences.append(
            max((abs(a - b) for a, b in zip(mine, its, strict=False)), default=0.0)
            if len(mine) == len(its)
            else float("inf")
        )
    largest = max(differences)
    if largest > SAME:
        raise UserError(
            f"The written index answers differently from the trained one (by {largest:.1e}), so it "
            "was not put in place. Set `store: numpy` in params.yaml, which compares every vector."
        )
    return {"rows": len(questions), "largest_difference": largest}
