"""The data stage: where documents and questions come from, and how the questions are split.

It ends with `data/documents.jsonl`, which is searched, and two files of labelled questions.
Everything after it learns from `data/train.jsonl`; `data/test.jsonl` is opened by `evaluate`, and
each opening is counted.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .settings import Params
from .toolkit.documents import datasheet, language, leaks, summary
from .toolkit.documents.questions import (
    Question,
    groups_of,
    read_questions,
    split_questions,
    write_subset,
)
from .toolkit.documents.reading import Document, Read, main_language, read_folder, write_documents
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_json
from .toolkit.project.settings import Project
from .toolkit.sample import scikit_learn as sample
from .toolkit.splitting import folds as cv
from .toolkit.splitting.folds import Fold

SAMPLE = Path("data", "sample")
SAMPLE_QUESTIONS = Path("data", "sample", ".questions.jsonl")
SPLIT_REASON = "Questions that ask nearly the same stay together; those without an answer are shared out alike."


def run(project: Project, params: Params) -> dict[str, Any]:
    """Read, look, check for leaks, keep the test questions apart.

    Returns
    -------
    dict
        The content of `reports/data.json`.

    Raises
    ------
    UserError
        If there are no documents or questions to work with; the message says what to do.
    """
    root = project.root
    folder, questions_file, source = places(root, params)
    read = read_folder(folder, params.data.max_megabytes, params.data.language)
    documents, same = drop_repeated(read, folder)
    language.use(main_language(documents))
    questions = read_questions(questions_file, [each.id for each in read.documents])
    questions = [redirect(each, same) for each in questions]
    documents, questions = limit(documents, questions, params)

    groups = groups_of(questions)
    train, test = split(questions, groups, params)
    write_documents(root, documents)
    write_subset(root, "train", [questions[row] for row in train])
    write_subset(root, "test", [questions[row] for row in test])

    pairs = leaks.near_duplicates(documents)
    report = summary.summarize(read, documents, same, questions, source, params.index.embedder)
    report["split"] = {
        "kind": "random",
        "reason": SPLIT_REASON,
        "train": {"rows": len(train)},
        "test": {"rows": len(test)},
    }
    report["near_duplicates"] = [list(pair) for pair in pairs]
    # A finding is told loudly and stops nothing, since honest questions trip such checks too.
    report["leaks"] = leaks.run(documents, pairs, questions, groups, (train, test))
    is_sample = params.data.source == "sample"
    report["about"] = sample.ABOUT if is_sample else about(report)
    report["sha256"] = summary.digest(documents, questions)
    target: dict[str, Any] = {
        "name": "relevant document",
        "task": "retrieval",
        "classes": [],
        "positive": None,
    }
    write_json(root / "data" / "schema.json", {"target": target, "columns": []})
    write_json(root / "reports" / "data.json", report)
    datasheet.refresh(root, report, sample.DATASHEET if is_sample else "")
    summary.log(report)
    return report


def places(root: Path, params: Params) -> tuple[Path, Path, str]:
    """The folder of documents, the file of questions, and what a reader is told of the source."""
    # DVC expects the folder of the sample, empty or not.
    (root / SAMPLE).mkdir(parents=True, exist_ok=True)
    if params.data.source == "sample":
        sample.write(root / SAMPLE, root / SAMPLE_QUESTIONS)
        return root / SAMPLE, root / SAMPLE_QUESTIONS, sample.SOURCE
    for name in ("path", "questions"):
        place = root / getattr(params.data, name)
        if not place.resolve().is_relative_to(root.resolve()):
            raise UserError(f"`data.{name}` must lie inside the project; it is {place}.")
    return root / params.data.path, root / params.data.questions, params.data.path


def drop_repeated(read: Read, folder: Path) -> tuple[list[Document], dict[str, str]]:
    """Documents without exact repetitions, and for each that is left out the one it repeats.

    Of two copies a search finds only one first; the other would count as a miss.
    """
    first: dict[str, str] = {}
    kept, same = [], {}
    for document in read.documents:
        known = first.setdefault(document.sha256, document.id)
        if known == document.id:
            kept.append(document)
        else:
            same[document.id] = known
    if len(kept) < 2:
        refused = read.unreadable[0] if read.unreadable else None
        reason = f" {refused['file']} {refused['reason']}." if refused else ""
        raise UserError(
            f"{folder.name}/ holds {len(kept)} documents that can be read; a search needs at "
            f"least two.{reason} Read are .md, .txt, .rst, .html, .pdf and .docx."
        )
    return kept, same


def redirect(question: Question, same: dict[str, str]) -> Question:
    """The question, led to the document that stands for a repetition it names."""
    relevant = sorted({same.get(name, name) for name in question.relevant})
    return replace(question, relevant=relevant)


def limit(
    documents: list[Document], questions: list[Question], params: Params
) -> tuple[list[Document], list[Question]]:
    """At most `data.limit` documents, those that questions name first; and the questions left."""
    most = params.data.limit
    if most is None or most >= len(documents):
        return documents, questions
    wanted = [name for each in questions for name in each.relevant]
    rest = [each.id for each in documents]
    np.random.default_rng(params.seed).shuffle(rest)
    kept = set(list(dict.fromkeys([*wanted, *rest]))[:most])
    left = [each for each in questions if kept.issuperset(each.relevant)]
    return [each for each in documents if each.id in kept], left


def split(
    questions: list[Question], groups: NDArray[np.intp], params: Params
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the questions for training and for the test.

    The documents are the same for both, as they will be for whoever asks; only questions are held
    out. Two that ask nearly the same stay together: the answer to the second would be known. A
    question whose `half` is given in its file is on that side.
    """
    return split_questions(questions, groups, params.split.test_size, params.seed)


def folds(questions: list[Question], params: Params) -> list[Fold]:
    """Fold the training questions with the promise of the split: near-duplicates together.

    `cv.repeats` times, one after the other: each time they are drawn anew.
    """
    groups = groups_of(questions)
    return [
        fold
        for repeat in range(params.cv.repeats)
        for fold in cv.make_folds(
            np.zeros(len(questions)),
            params.cv.folds,
            classes=False,
            groups=groups,
            seed=params.seed + repeat,
        )
    ]


def about(report: dict[str, Any]) -> dict[str, str]:
    """The problem and the approach in a sentence each, for the report."""
    problem = (
        f"Answer questions from {report['rows_used']:,} documents of {report['source']}: find the "
        "passages that hold the answer, quote them, and say so where none does."
    )
    return {"problem": problem, "approach": sample.APPROACH}
