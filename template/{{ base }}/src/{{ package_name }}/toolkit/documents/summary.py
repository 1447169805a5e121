"""What reports/data.json says about the documents and the questions."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .questions import Question
from .reading import Document, Read

logger = logging.getLogger(__name__)

MISSING_POLICY = (
    "A file that cannot be read is left out and named. A document that another repeats word for "
    "word is left out, and questions that name it are led to the other."
)
NAMED = 20  # files that cannot be read and are named one by one
OTHERS = 5


def summarize(
    read: Read,
    documents: Sequence[Document],
    same: dict[str, str],
    questions: Sequence[Question],
    source: str,
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
        "warnings": _warnings(read),
    }


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
    for sentence in report["warnings"]:
        logger.warning("%s", sentence)
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            logger.warning(
                "Leak check %s: %s %s", finding["check"], finding["detail"], finding["remedy"]
            )


def _warnings(read: Read) -> list[str]:
    warnings = [f"{each['file']} {each['reason']}." for each in read.unreadable[:NAMED]]
    if len(read.unreadable) > NAMED:
        warnings.append(f"... and {len(read.unreadable) - NAMED:,} more that cannot be read.")
    if read.others:
        rest = len(read.others) - OTHERS
        more = f" and {rest:,} more" if rest > 0 else ""
        names = ", ".join(read.others[:OTHERS])
        warnings.append(f"Not read, since their names say they are of another kind: {names}{more}.")
    return warnings


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
