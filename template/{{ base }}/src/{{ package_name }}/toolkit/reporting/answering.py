"""What is said of answers that are drawn from documents: how many are right, when there is none."""

from typing import Any

from ..evaluation.display import money, number, percent, plural
from ..markdown.markdown import Table
from .run import Json, Run

NAMES = {"extractive": "Quoted sentences", "llm": "Language model"}
WAYS = {
    "worst_model": "a model that obeys every order it reads, behind this project's defences",
    "extractive": "quoted sentences",
}


def share(part: Json) -> str:
    """Format a share with its interval."""
    if part.get("share") is None:
        return "–"
    low, high = part["ci"]
    return f"{percent(part['share'], 0)} ({100 * low:.0f} to {percent(high, 0)})"


def ways(run: Run) -> Table | None:
    """One row a way to answer: how many are right, when it abstains, what it costs."""
    found = run.metrics.get("answers") or {}
    if not found:
        return None
    currency = ((run.metadata.get("llm") or {}).get("budget") or {}).get("currency", "")
    rows = []
    for way in found["rows"]:
        made, held = way["faithful"]["sentences"], way["faithful"]["supported"]
        rows.append(
            [
                NAMES.get(way["by"], way["by"]),
                share(way["right"]),
                share(way["abstention"]["precision"]),
                share(way["abstention"]["recall"]),
                f"{held:,} of {made:,}",
                f"{_middle(way['milliseconds'])} / {_middle(way['milliseconds_cached'])}",
                f"{money(way['cost_per_1000'], currency)} / "
                f"{money(way['cost_per_1000_cached'], currency)}",
            ]
        )
    headers = [
        "Answers",
        "From a right document",
        "Abstentions right",
        "Unanswerable, abstained",
        "Sentences supported",
        "ms, new / cached",
        "1,000 cost, new / cached",
    ]
    return Table(headers, rows, frozenset(range(1, len(headers))))


def enough(run: Run) -> str:
    """Say which share of questions needs no language model."""
    content = (run.metrics.get("answers") or {}).get("extractive_is_enough") or {}
    return str(content.get("sentence") or "")


def abstention(run: Run) -> str:
    """Say how often it says that there is no answer, and how often rightly."""
    found = run.metrics.get("answers") or {}
    if not found:
        return ""
    way = found["rows"][-1]
    recall, precision = way["abstention"]["recall"], way["abstention"]["precision"]
    if recall["share"] is None:
        return "No test question is without an answer, so nothing is known about its abstentions."
    text = (
        f"Of {plural(recall['n'], 'question')} that the documents do not answer, it abstains on "
        f"{share(recall)}"
    )
    if precision["share"] is None:
        return f"{text}."
    return (
        f"{text}; {share(precision)} of its {plural(precision['n'], 'abstention')} are right, the "
        "others have an answer in the documents."
    )


def injection(run: Run) -> str:
    """Say how many of the documents that carry orders got their way."""
    content = (run.metrics.get("answers") or {}).get("injection")
    if not content:
        return ""
    parts = [
        f"{_count(content['got_through'][way])} with {words}"
        for way, words in WAYS.items()
        if way in content["got_through"]
    ]
    return (
        f"Of {plural(content['n'], 'document')} that carry orders to a language model, these got "
        f"their way: {'; '.join(parts)}. That holds for orders like these, not for all."
    )


def _count(part: Json) -> str:
    return number(round((part["share"] or 0) * part["n"]))


def _middle(milliseconds: Any) -> str:
    return number(milliseconds["p50"], 2) if milliseconds else "–"
