"""How good the answers are, on the test questions: what `evaluate` writes about them."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..answers.answer import Answer
from ..answers.answerer import Answerer, Search
from ..answers.budget import BudgetSpentError
from ..answers.policy import Policy
from ..answers.prompt_injection import show
from ..documents.questions import Question
from ..documents.settings import DocumentEnvironment, Llm
from .attacks import WAYS, Attack, try_attacks

_Z = 1.959964  # of the standard normal, for 95%


def evaluate_answers(
    policy: Policy,
    metadata: Mapping[str, Any],
    environment: DocumentEnvironment,
    search: Search,
    questions: Sequence[Question],
    attacks: Sequence[Attack] = (),
    vocabulary: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Ask every question, of the extractive baseline and of the language model if there is one.

    Parameters
    ----------
    policy : Policy
    metadata : mapping
        The bundle's.
    environment : DocumentEnvironment
        Keys and addresses.
    search : callable
        The bundle's retriever.
    questions : sequence of Question
        Those that were held out.
    attacks : sequence of Attack
        Documents that give orders.
    vocabulary : frozenset of str
        The stems of the whole corpus.

    Returns
    -------
    dict
        `rows`: one for each way to answer. `extractive_is_enough`: the share of answerable questions
        that need no language model, and what one adds. `injection`: what became of the attacks.
    """
    quoting = {**metadata, "answers": {**metadata["answers"], "by": "extractive"}}
    extractive = Answerer.from_metadata(
        policy, quoting, environment, in_memory=True, vocabulary=vocabulary
    )
    rows = [_row(extractive, search, questions)]
    if metadata["answers"]["by"] == "llm":
        model = Answerer.from_metadata(
            policy, metadata, environment, bounded=True, in_memory=True, vocabulary=vocabulary
        )
        if model.by == "llm":
            rows.append(_row(model, search, questions))
    settings = extractive.settings
    result: dict[str, Any] = {
        "n": len(questions),
        "answerable": sum(each.answerable for each in questions),
        "abstain_below": settings.abstain_below,
        "rows": rows,
        "extractive_is_enough": _extractive_is_enough(rows),
    }
    if attacks:
        tried = try_attacks(attacks, search, extractive, Llm(**metadata["llm"]))
        result["injection"] = {
            "n": len(tried),
            "withheld": share([each["withheld"] for each in tried]),
            "got_through": {way: share([each[way] for each in tried]) for way in WAYS},
            "cases": tried,
        }
    return result


def _row(answerer: Answerer, search: Search, questions: Sequence[Question]) -> dict[str, Any]:
    answers: list[Answer] = []
    first: list[float] = []
    again: list[float] = []
    stopped = None
    passages = withheld = 0
    for each in questions:
        started = time.perf_counter()
        try:
            hits = search(each.question, answerer.settings.passages)
            answer = answerer.answer(each.question, hits)
        except BudgetSpentError as error:
            stopped = f"Stopped after {len(answers)} of {len(questions)} questions: {error}"
            break
        first.append(time.perf_counter() - started)
        passages += len(hits)
        withheld += show(hits).withheld
        answers.append(answer)
        if not answer.passing:
            answerer.cache.put(each.question, asdict(answer))
    for each in questions[: len(answers)]:
        started = time.perf_counter()
        if answerer.cache.get(each.question) is not None:
            again.append(time.perf_counter() - started)
    asked = list(zip(questions, answers, strict=False))
    able = [(q, a) for q, a in asked if q.answerable]
    abstained = [q for q, a in asked if a.abstained]
    costs = [answer.usage.cost for answer in answers]
    uncached = [cost for cost, answer in zip(costs, answers, strict=True) if answer.passing]
    n = max(len(answers), 1)
    return {
        "by": answerer.by,
        "asked": len(answers),
        "stopped": stopped,
        "answered": share([not a.abstained for _, a in able]),
        "right": share([_is_right(q, a) for q, a in able]),
        "abstention": {
            "precision": share([not q.answerable for q in abstained]),
            "recall": share([a.abstained for q, a in asked if not q.answerable]),
        },
        "faithful": {
            "sentences": sum(answer.claims for answer in answers),
            "supported": sum(answer.supported for answer in answers),
        },
        "withheld": {"passages": passages, "sentences": withheld},
        "by_fallback": sum(answer.passing for answer in answers),
        "milliseconds": _milliseconds(first),
        "milliseconds_cached": _milliseconds(again),
        "cost_per_1000": 1000 * sum(costs) / n,
        "cost_per_1000_cached": 1000 * sum(uncached) / n,
        "right_questions": [q.question for q, a in able if _is_right(q, a)],
    }


def _is_right(question: Question, answer: Answer) -> bool:
    """Whether an answer rests on a relevant document."""
    cited = {citation.chunk.doc for citation in answer.citations}
    return not answer.abstained and bool(cited & set(question.relevant))


def _extractive_is_enough(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """When not to call a language model: the share that quotes answer, and what one adds, at which cost."""
    extractive, *others = rows
    found = {**extractive["right"], "added": None, "cost_per_1000": None}
    for model in others[:1]:
        found["added"] = len(set(model["right_questions"]) - set(extractive["right_questions"]))
        found["cost_per_1000"] = model["cost_per_1000"]
    return found


def share(told: Sequence[bool]) -> dict[str, Any]:
    """A share with its 95% interval (Wilson 1927); nulls where there is nothing to divide by."""
    n, k = len(told), sum(map(bool, told))
    if n == 0:
        return {"n": 0, "share": None, "ci": None}
    p, z2 = k / n, _Z**2 / n
    centre = (p + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(p * (1 - p) / n + z2 / (4 * n)) / (1 + z2)
    return {"n": n, "share": p, "ci": [max(centre - half, 0.0), min(centre + half, 1.0)]}


def _milliseconds(seconds: Sequence[float]) -> dict[str, float] | None:
    if not seconds:
        return None
    p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95]).tolist()
    return {"p50": p50, "p95": p95}
