"""The try-it page of a search: answers given beforehand, and a ranking by words, which the browser computes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..documents import language
from ..documents.questions import read_subset
from ..documents.tokenize import stemmed
from ..project.errors import UserError
from ..project.settings import Project
from ..retrieval.chunks import Chunk
from ..retrieval.index import DEPTH
from ..retrieval.lexical import Bm25
from ..serving.api import Api
from ..training.bundle import served
from .page import Files, as_json, ask_in_node, page_files
from .runtime import STEMMER

SHOWN = 6  # questions that are a click away
BOUND = 1e-4  # of a BM25 score
# By ISO 639-1, as snowball-stemmers calls what PyStemmer stems.
STEMMERS = dict(
    each.split(":")
    for each in """ar:arabic hy:armenian eu:basque ca:catalan cs:czech da:danish nl:dutch en:english fi:finnish
    fr:french de:german hu:hungarian it:italian ga:irish no:norwegian pt:portuguese ro:romanian ru:russian
    es:spanish sl:slovene sv:swedish ta:tamil tr:turkish""".split()
)


def try_it(project: Project, api: Api) -> Files | str:
    """The files of the page by name, each with what it holds; or why there is none.

    Raises
    ------
    UserError
        If there is no model, or node's packages cannot be had.
    """
    predictor: Any = api.load(served(project))
    if predictor.answerer.settings.by == "llm":
        return (
            "a language model words the answers, and each costs; `answers.by: extractive` gives one"
        )
    questions, chunks = questions_of(project), predictor.index.chunks
    places = {chunk.id: row for row, chunk in enumerate(chunks)}
    answers = {}
    for question in questions:
        answer = predictor.respond(question)
        cited = [
            {"row": places[each["id"]], "quotes": each["quotes"], "score": each["score"]}
            for each in answer["citations"]
        ]
        answers[question] = {**answer, "citations": cited, "cached": False}
    predictor.metadata |= {"example": questions[0]}
    examples = {text: {"question": text} for text in questions[:: -(-len(questions) // SHOWN)]}
    shown = {
        "examples": examples,
        "examples_are": "Questions of the test set, answered beforehand:",
    }
    told, table = words_of(chunks), Bm25.fit(chunks).table()
    files = page_files(project, api, predictor, "answers", {}, told, shown, [STEMMER])
    form, _ = files["form.json"]
    passages = [{"id": c.id, "doc": c.doc, "title": c.title, "text": c.text} for c in chunks]
    return files | {
        "form.json": (form, "the form, and some test questions"),
        "given.json": (as_json(answers), f"the answers to {len(answers)} test questions"),
        "passages.json": (as_json(passages), f"the text of all {len(passages):,} passages"),
        "words.json": (as_json(table["words"]), "the words of the passages"),
        "counts.bin": (
            b"".join(np.asarray(table[name], kind).tobytes() for name, kind in LAID_OUT.items()),
            "which word is in which passage, and what it adds to a BM25 score",
        ),
    }


# As answers.js reads them, one after the other; little-endian, as browsers are.
LAID_OUT = {"starts": "<i4", "rows": "<i4", "scores": "<f4"}


def questions_of(project: Project) -> list[str]:
    """The labelled questions of the test set; the others have shaped the model."""
    found = [each.question for each in read_subset(project.root, "test")]
    if not found:
        raise UserError("There are no test questions yet. Run `data`.")
    return found


def words_of(chunks: Sequence[Chunk]) -> dict[str, Any]:
    """What the browser splits a question by, as `documents.tokenize.terms` does."""
    current = language.current()
    latin = language.DEFAULT if current in language.WRITTEN_IN else current
    stems: dict[str, str] = {}
    for chunk in chunks:
        stems |= stemmed(chunk.searched)
    return {
        "stop_words": sorted(language.stop_words(current)),
        "by_stem": current in language.FOUND_BY_STEM,
        "english": current == language.DEFAULT,
        # Of words that no passage has.
        "stemmers": {"latin": STEMMERS.get(latin), "other": STEMMERS.get(current)},
        "stems": stems,
    }


def compare(project: Project, api: Api, page: Path) -> dict[str, Any]:
    """Hold the page in `page` to what is found offline for the test questions, in node.

    Returns
    -------
    dict
        `rows` (questions), `largest_difference` (of a BM25 score) and `bound`.

    Raises
    ------
    UserError
        If a ranking by words has another order or other scores, or an answer is another one.
    """
    predictor: Any = api.load(served(project))
    questions, chunks = questions_of(project), predictor.index.chunks
    records, words = [{"question": text} for text in questions], Bm25.fit(chunks)
    told = ask_in_node(page, records, len(records))
    alike, differences = 0, [0.0]
    for question, answer, found in zip(
        questions, told["answers"], told["explanations"], strict=True
    ):
        expected, given = words.ranking(question, DEPTH), predictor.respond(question)
        same = [row for row, _ in expected] == [row for row, _ in found["ranking"]]
        alike += same and all(given[name] == answer[name] for name in ("answer", "prediction"))
        pairs = zip(expected, found["ranking"], strict=False)
        differences += [abs(one - other) for (_, one), (_, other) in pairs]
    if alike < len(questions) or max(differences) > BOUND:
        raise UserError(
            f"The page does not find what is found offline: of {len(questions):,} test questions "
            f"{len(questions) - alike:,} differ, scores by up to {max(differences):.1e}. The site was not "
            "written. If documents/tokenize.py is yours, say the same in toolkit/site/answers.js; else "
            "report a bug."
        )
    return {"rows": len(questions), "largest_difference": max(differences), "bound": BOUND}
