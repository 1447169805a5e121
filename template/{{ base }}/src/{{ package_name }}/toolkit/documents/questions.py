"""Labelled questions: read from JSON Lines, checked line by line, grouped and split."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from ..project.errors import UserError
from .json_lines import read_lines, write_lines
from .question import problem
from .tokenize import stems

FEWEST = 10
SHOWN = 10
LONGEST = 20_000


@dataclass(frozen=True)
class Question:
    """A question, the ids of the documents that answer it, and whether any does.

    `half` is `dev` or `held` where its file says on which side of the split it belongs.
    """

    question: str
    relevant: list[str]
    answerable: bool
    half: str | None = None


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    question: str
    relevant: list[str] = []
    answerable: bool | None = None
    half: Literal["dev", "held"] | None = None


def read_questions(path: Path, documents: Collection[str]) -> list[Question]:
    """Read and check a file of `{"question", "relevant", "answerable"}`, one a line.

    Parameters
    ----------
    path : Path
        JSON Lines.
    documents : collection of str
        The ids that `relevant` may name.

    Raises
    ------
    UserError
        If lines are wrong; the message has their numbers and what is wrong with each.
    """
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is not there. Write one question a line: "
            '{"question": "…", "relevant": ["document id"], "answerable": true}.'
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start:,}). Save it as UTF-8.") from error
    known, found, wrong = set(documents), [], []
    first: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            question = _checked(line, known)
        except ValueError as error:
            wrong.append(f"line {number}: {error}")
            continue
        key = " ".join(question.question.casefold().split())
        if key in first:
            wrong.append(f"line {number}: asks what line {first[key]} asks")
            continue
        first[key] = number
        found.append(question)
    if wrong:
        more = [f"... and {len(wrong) - SHOWN:,} more."] if len(wrong) > SHOWN else []
        raise UserError("\n".join([f"{path.name} has lines to correct.", *wrong[:SHOWN], *more]))
    answerable = sum(each.answerable for each in found)
    if answerable < FEWEST:
        raise UserError(
            f"{path.name} has {answerable} answerable questions; with fewer than {FEWEST} nothing "
            "can be compared. Write down what people ask, and the documents that answer it."
        )
    return found


def _checked(line: str, known: set[str]) -> Question:
    try:
        read = _Line.model_validate(json.loads(line))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the line"
        raise ValueError(f"`{where}`: {first['msg']}") from error
    except ValueError as error:
        raise ValueError(f"is not JSON ({error})") from error
    if wrong := problem(read.question, LONGEST):
        raise ValueError(wrong)
    unknown = [name for name in read.relevant if name not in known]
    if unknown:
        raise ValueError(
            f"`relevant` names {', '.join(map(repr, unknown[:3]))}, which is not a document: an id is "
            "a file's path without its suffix"
        )
    answerable = bool(read.relevant) if read.answerable is None else read.answerable
    if answerable != bool(read.relevant):
        raise ValueError(
            "is answerable but names no relevant document"
            if answerable
            else "is not answerable but names a relevant document"
        )
    return Question(read.question, sorted(set(read.relevant)), answerable, read.half)


def groups_of(questions: list[Question], near: float = 0.8) -> NDArray[np.intp]:
    """The same number for questions that ask nearly the same: most of their content words agree.

    Parameters
    ----------
    questions : list of Question
        n of them.
    near : float
        The share of all their stems that two questions must have in common.

    Returns
    -------
    ndarray of shape (n,)
    """
    words = [stems(each.question) for each in questions]
    groups = np.arange(len(questions))
    for i, mine in enumerate(words):
        for j in range(i):
            union = len(mine | words[j])
            if union and len(mine & words[j]) / union >= near:
                groups[groups == groups[i]] = groups[j]
    return groups


def split_questions(
    questions: list[Question], groups: NDArray[np.intp], share: float, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows for training and for the test; groups stay whole, both kinds of question are in both.

    Questions whose `half` is given are on that side; the others are drawn.

    Parameters
    ----------
    questions : list of Question
        n of them.
    groups : ndarray of shape (n,)
        Those with the same number stay together.
    share : float
        Of the questions that go to the test.
    seed : int

    Returns
    -------
    train, test : ndarray of int
        Sorted rows.
    """
    rng = np.random.default_rng(seed)
    answerable = np.array([each.answerable for each in questions])
    drawn = np.array([each.half is None for each in questions])
    test = [row for row, each in enumerate(questions) if each.half == "held"]
    for kind in (True, False):
        some = drawn & (answerable == kind)
        heads = np.unique(groups[some])
        rng.shuffle(heads)
        wanted, taken = round(share * np.sum(some)), 0
        for head in heads:
            rows = np.flatnonzero((groups == head) & drawn & ~np.isin(np.arange(len(groups)), test))
            if taken >= wanted:
                break
            test += rows.tolist()
            taken += len(rows)
    chosen = np.array(sorted(test), dtype=np.intp)
    return np.setdiff1d(np.arange(len(questions)), chosen), chosen


def write_subset(root: Path, subset: str, questions: list[Question]) -> None:
    """Write data/train.jsonl or data/test.jsonl whole."""
    write_lines(root / "data" / f"{subset}.jsonl", map(asdict, questions))


def read_subset(root: Path, subset: str) -> list[Question]:
    """What `write_subset` wrote.

    Raises
    ------
    UserError
        If the data stage has not run.
    """
    return [Question(**value) for value in read_lines(root / "data" / f"{subset}.jsonl", "data")]


def texts_of(questions: list[Question]) -> list[str]:
    """What is asked."""
    return [each.question for each in questions]


def relevant_of(questions: list[Question]) -> NDArray[np.object_]:
    """The documents that answer each of n questions, shape (n,), an object array of sets."""
    wanted = np.empty(len(questions), dtype=object)
    wanted[:] = [frozenset(each.relevant) for each in questions]
    return wanted
