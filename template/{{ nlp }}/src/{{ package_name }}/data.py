"""The data stage: read the documents, name what cannot be read, set the test questions aside."""

import hashlib
import json
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from .toolkit.documents import datasheet, leaks, sample
from .toolkit.project.config import Params
from .toolkit.documents.reading import Document, Read, read_folder, write_documents
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_json
from .toolkit.documents.questions import Question, groups_of, read_questions, set_aside, write_side

logger = logging.getLogger(__name__)

SAMPLE = Path("data", "sample")
SAMPLE_QUESTIONS = Path("data", "sample", ".questions.jsonl")
MISSING_POLICY = (
    "A file that cannot be read is set aside and named. A document that another repeats word for "
    "word is left out, and questions that name it are led to the other."
)


def run(root: Path, params: Params) -> dict[str, Any]:
    """Run the stage; return the contents of reports/data.json.

    Writes data/documents.jsonl, data/train.jsonl, data/test.jsonl, data/schema.json,
    reports/data.json and the generated block of DATA.md, each whole.

    Raises
    ------
    UserError
        If there are no documents or questions to work with; the message says what to do.
    """
    folder, questions_file, source = _places(root, params)
    read = read_folder(folder, params.data.max_megabytes)
    documents, same = _distinct(read.documents)
    _refuse(read, documents, folder)
    questions = read_questions(questions_file, [each.id for each in read.documents])
    questions = [_led(each, same) for each in questions]
    documents, questions = _limited(documents, questions, params.data.limit, params.seed)
    groups = groups_of(questions)
    train, test = set_aside(questions, groups, params.split.test_size, params.seed)
    write_documents(root, documents)
    write_side(root, [questions[row] for row in train], "train")
    write_side(root, [questions[row] for row in test], "test")
    pairs = leaks.near_duplicates(documents)
    report = _report(read, documents, same, questions, source)
    report["split"] = {
        "kind": "random",
        "reason": "Questions that ask nearly the same stay together; those without an answer are "
        "shared out alike.",
        "train": {"rows": len(train)},
        "test": {"rows": len(test)},
    }
    report["near_duplicates"] = [list(pair) for pair in pairs]
    report["leaks"] = leaks.run(documents, pairs, questions, groups, (train, test))
    report["about"] = sample.ABOUT if params.data.source == "sample" else _about(report, source)
    report["sha256"] = _digest(documents, questions)
    target: dict[str, Any] = {
        "name": "relevant document",
        "task": "retrieval",
        "classes": [],
        "positive": None,
    }
    write_json(root / "data" / "schema.json", {"target": target, "columns": []})
    write_json(root / "reports" / "data.json", report)
    datasheet.refresh(root, report, params.data.source)
    _log(report)
    return report


def _places(root: Path, params: Params) -> tuple[Path, Path, str]:
    # The pipeline expects the folder of the sample, empty or not.
    (root / SAMPLE).mkdir(parents=True, exist_ok=True)
    if params.data.source == "sample":
        sample.write(root / SAMPLE, root / SAMPLE_QUESTIONS)
        return root / SAMPLE, root / SAMPLE_QUESTIONS, sample.SOURCE
    for name in ("path", "questions"):
        place = root / getattr(params.data, name)
        if not place.resolve().is_relative_to(root.resolve()):
            raise UserError(f"`data.{name}` must lie inside the project; it is {place}.")
    return root / params.data.path, root / params.data.questions, params.data.path


def _distinct(documents: list[Document]) -> tuple[list[Document], dict[str, str]]:
    """Documents without exact repetitions, and for each that is left out the one it repeats."""
    first: dict[str, str] = {}
    kept, same = [], {}
    for document in documents:
        known = first.setdefault(document.sha256, document.id)
        if known == document.id:
            kept.append(document)
        else:
            same[document.id] = known
    return kept, same


def _led(question: Question, same: dict[str, str]) -> Question:
    relevant = sorted({same.get(name, name) for name in question.relevant})
    return Question(question.question, relevant, question.answerable)


def _refuse(read: Read, documents: list[Document], folder: Path) -> None:
    if len(documents) < 2:
        first = read.unreadable[0] if read.unreadable else None
        reason = f" {first['file']} {first['reason']}." if first else ""
        raise UserError(
            f"{folder.name}/ holds {len(documents)} documents that can be read; a search needs at "
            f"least two.{reason} Read are .md, .txt, .rst, .html, .pdf and .docx."
        )


def _limited(
    documents: list[Document], questions: list[Question], limit: int | None, seed: int
) -> tuple[list[Document], list[Question]]:
    """At most `limit` documents, those that questions name first; and the questions left."""
    if limit is None or limit >= len(documents):
        return documents, questions
    wanted = [name for each in questions for name in each.relevant]
    rest = [each.id for each in documents]
    np.random.default_rng(seed).shuffle(rest)
    kept = set(list(dict.fromkeys([*wanted, *rest]))[:limit])
    left = [each for each in questions if kept.issuperset(each.relevant)]
    return [each for each in documents if each.id in kept], left


def _report(
    read: Read,
    documents: list[Document],
    same: dict[str, str],
    questions: list[Question],
    source: str,
) -> dict[str, Any]:
    lengths = [len(each.text.split()) for each in documents]
    kinds = Counter(Path(each.file).suffix.lower() for each in documents)
    dropped = {
        "cannot be read": len(read.unreadable),
        "repeat another word for word": len(same),
        "beyond data.limit": len(read.documents) - len(same) - len(documents),
    }
    warnings = [f"{each['file']} {each['reason']}." for each in read.unreadable[:20]]
    if len(read.unreadable) > 20:
        warnings.append(f"... and {len(read.unreadable) - 20:,} more that cannot be read.")
    if read.others:
        more = f" and {len(read.others) - 5:,} more" if len(read.others) > 5 else ""
        warnings.append(
            f"Not read, since of another kind by their names: {', '.join(read.others[:5])}{more}."
        )
    named = Counter(name for each in questions for name in each.relevant)
    return {
        "source": source,
        "row": "document",
        "case": "question",
        "rows_read": len(read.documents) + len(read.unreadable),
        "rows_used": len(documents),
        "rows_dropped": {why: count for why, count in dropped.items() if count},
        "columns": [
            _column("words", lengths),
            _column("kind", [Path(each.file).suffix.lower() for each in documents]),
        ],
        "kinds": dict(kinds),
        "questions": {
            "all": len(questions),
            "answerable": sum(each.answerable for each in questions),
            "documents_named": len(named),
        },
        "target": {
            "name": "relevant document",
            "task": "retrieval",
            "classes": {
                "answerable": sum(each.answerable for each in questions),
                "not answerable": sum(not each.answerable for each in questions),
            },
            "positive": None,
            "min": None,
            "max": None,
            "mean": None,
            "missing": 0,
        },
        "missing_policy": MISSING_POLICY,
        "unreadable": read.unreadable,
        "same": same,
        "warnings": warnings,
    }


def _column(name: str, values: list[Any]) -> dict[str, Any]:
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


def _about(report: dict[str, Any], source: str) -> dict[str, str]:
    return {
        "problem": (
            f"Answer questions from {report['rows_used']:,} documents of {source}: find the "
            "passages that hold the answer, quote them, and say so where none does."
        ),
        "approach": sample.APPROACH,
    }


def _digest(documents: list[Document], questions: list[Question]) -> str:
    content = {
        "documents": [(each.id, each.sha256) for each in documents],
        "questions": [(each.question, each.relevant) for each in questions],
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _log(report: dict[str, Any]) -> None:
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
