"""What reports/data.json says about the documents and the questions."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..evaluation import display
from . import language
from .encodings import is_guessed
from .questions import Question
from .reading import Document, Read
from .settings import PACKAGED
from .tokenize import stemmed, word_count

logger = logging.getLogger(__name__)

MISSING_POLICY = (
    "A file that cannot be read is left out and named. A document that another repeats word for "
    "word is left out, and questions that name it are led to the other."
)
NAMED = 20  # files that are named one by one
EXAMPLES = 5
BINS = 20
FREQUENT = 15
SHORTEST = 3  # letters of a word that is counted
ENOUGH = 0.5  # of a page; the rest is what surrounds it
FOREIGN = 0.1  # of the documents
MULTILINGUAL = "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2"


def summarize(
    read: Read,
    documents: Sequence[Document],
    same: dict[str, str],
    questions: Sequence[Question],
    source: str,
    embedder: str,
) -> dict[str, Any]:
    """Describe what was read and what of it is used.

    Parameters
    ----------
    read : Read
        What the folder holds.
    documents : sequence of Document
        Those that are used, at least one.
    same : dict of str to str
        Ids of repetitions that were left out, and of the document that each repeats.
    questions : sequence of Question
    source : str
        Where the documents come from, for the reader.
    embedder : str
        What `params.yaml` calls it.
    """
    suffixes = [Path(each.file).suffix.lower() for each in documents]
    answerable = sum(each.answerable for each in questions)
    dropped = {
        "cannot be read": len(read.unreadable),
        "repeat another word for word": len(same),
        "beyond data.limit": len(read.documents) - len(same) - len(documents),
    }
    return {
        "source": source,
        "row": "document",
        "case": "question",
        "rows_read": len(read.documents) + len(read.unreadable),
        "rows_used": len(documents),
        "rows_dropped": {why: count for why, count in dropped.items() if count},
        "columns": [
            _column("words", [len(each.text.split()) for each in documents]),
            _column("kind", suffixes),
        ],
        "kinds": dict(Counter(suffixes)),
        "lengths": lengths(documents),
        "words": frequent_words(documents),
        "questions": {
            "all": len(questions),
            "answerable": answerable,
            "documents_named": len({name for each in questions for name in each.relevant}),
        },
        "target": {
            "name": "relevant document",
            "task": "retrieval",
            "classes": {"answerable": answerable, "not answerable": len(questions) - answerable},
            "positive": None,
            "min": None,
            "max": None,
            "mean": None,
            "missing": 0,
        },
        "missing_policy": MISSING_POLICY,
        "unreadable": read.unreadable,
        "same": same,
        "language": language.current(),
        "files": read.files,
        "warnings": [
            *_unread(read),
            *_partly_read(read.files),
            *_guessed(read.files),
            *_unknown_to(embedder, documents),
        ],
    }


def lengths(documents: Sequence[Document]) -> dict[str, Any]:
    """Words of a document, or signs: quartiles, and counts in bins between which they grow alike."""
    words = [word_count(each.text) for each in documents]
    edges = np.unique(np.geomspace(max(min(words), 1), max(words) + 1, BINS + 1))
    counts = np.histogram(np.maximum(words, 1), edges)[0]
    low, median, high = np.quantile(words, [0.25, 0.5, 0.75]).tolist()
    return {
        "unit": "signs" if language.current() in language.WITHOUT_WORDS else "words",
        "quartiles": [low, median, high],
        "edges": edges.tolist(),
        "counts": counts.tolist(),
    }


def frequent_words(documents: Sequence[Document]) -> list[list[Any]]:
    """The words that most documents hold, and how many do; no stop words, no numbers.

    None where the corpus's language has no words that could be told apart.
    """
    if language.current() in language.WITHOUT_WORDS:
        return []
    counts: Counter[str] = Counter()
    for each in documents:
        counts.update(word for word in stemmed(each.text) if len(word) >= SHORTEST)
    kept = [
        [word, count]
        for word, count in counts.most_common()
        if word.isalpha() and not language.is_stop_word(word)
    ]
    return kept[:FREQUENT]


def digest(documents: Sequence[Document], questions: Sequence[Question]) -> str:
    """Hexadecimal SHA-256 of all documents and questions together."""
    content = {
        "documents": [(each.id, each.sha256) for each in documents],
        "questions": [(each.question, each.relevant) for each in questions],
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def log(report: dict[str, Any]) -> None:
    """Say in the log what the stage found."""
    split = report["split"]
    logger.info(
        "%s documents; %s training questions, %s test questions.",
        f"{report['rows_used']:,}",
        f"{split['train']['rows']:,}",
        f"{split['test']['rows']:,}",
    )
    for entry in report["warnings"]:
        logger.warning("%s", display.warning(entry))
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            logger.warning(
                "Leak check %s: %s %s", finding["check"], finding["detail"], finding["remedy"]
            )


def _warning(kind: str, detail: str, examples: Sequence[str], remedy: str) -> dict[str, Any]:
    shown = list(examples[:EXAMPLES])
    return {"column": None, "kind": kind, "detail": detail, "examples": shown, "remedy": remedy}


def _unread(read: Read) -> Iterator[dict[str, Any]]:
    for each in read.unreadable[:NAMED]:
        yield _warning("unreadable", f"{each['file']} {each['reason']}.", [], "")
    if len(read.unreadable) > NAMED:
        rest = len(read.unreadable) - NAMED
        yield _warning("unreadable", f"... and {rest:,} more that cannot be read.", [], "")
    if read.others:
        detail = f"{len(read.others):,} files are not read, since their names say another kind."
        yield _warning("other_kind", detail, read.others, "")


def _partly_read(files: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    partly = [each for each in files if each["share_read"] < ENOUGH or _pages_left(each)]
    for each in partly[:NAMED]:
        left = "; ".join(f"{part['what']}: {part['count']:,}" for part in each["left"])
        pages = _pages_left(each)
        detail = f"{each['file']} is read in part ({each['share_read']:.0%}). Left out: {left}."
        remedy = "Put a scan through OCR first, as with ocrmypdf." if pages else ""
        yield _warning("partly_read", detail, [], remedy)
    if len(partly) > NAMED:
        rest = f"... and {len(partly) - NAMED:,} more that are read in part."
        yield _warning("partly_read", rest, [], "See `files` in reports/data.json.")


def _pages_left(file: dict[str, Any]) -> bool:
    return file["pages"] is not None and file["share_read"] < 1


def _guessed(files: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    guessed = [each for each in files if is_guessed(each["encoding"])]
    if guessed:
        yield _warning(
            "encoding",
            f"{len(guessed):,} files are not UTF-8; their encoding is guessed from their letters.",
            [f"{each['file']}: {each['encoding']}" for each in guessed],
            "Save one as UTF-8 if its words look wrong.",
        )


def _unknown_to(embedder: str, documents: Sequence[Document]) -> Iterator[dict[str, Any]]:
    """Whether documents are in languages that the packaged embedder has not learned."""
    spoken = Counter(each.language for each in documents)
    others = [
        (name, count)
        for name, count in spoken.most_common()
        if name not in {language.DEFAULT, language.UNKNOWN}
    ]
    count = sum(count for _, count in others)
    if embedder == PACKAGED and count >= FOREIGN * len(documents):
        yield _warning(
            "language",
            f"{PACKAGED} has learned English; {count:,} of {len(documents):,} documents are in other "
            "languages, which are searched by words only.",
            [f"{language.name_of(name)}: {count:,}" for name, count in others],
            f"Set `index.embedder` to {MULTILINGUAL}, which fastembed downloads, or to an endpoint.",
        )


def _column(name: str, values: Sequence[Any]) -> dict[str, Any]:
    numeric = not isinstance(values[0], str)
    return {
        "name": name,
        "kind": "number" if numeric else "category",
        "missing_share": 0.0,
        "distinct": len(set(values)),
        "min": min(values) if numeric else None,
        "max": max(values) if numeric else None,
        "mean": float(np.mean(values)) if numeric else None,
        "top": [] if numeric else [list(pair) for pair in Counter(values).most_common(5)],
        "used": False,
        "reason": "describes the file, no retriever is given it",
    }
