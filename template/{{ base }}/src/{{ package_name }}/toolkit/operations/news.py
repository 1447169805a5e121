"""What people should know after a look of the monitor: nothing, an alarm, or another model."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from ...about import SLUG
from ..markdown import markdown
from ..markdown.markdown import Table
from ..project.files import read_json, write_text
from . import monitor, registry

BODY = Path("reports", "news.md")
MOST_SHOWN = 40  # checks; an issue has an end
DECIDED = ("promoted", "refused", "postponed")


@dataclass(frozen=True)
class News:
    """What is told.

    Attributes
    ----------
    kind : str
        `promoted` where a model was promoted after the look, `alarm` where there was an alarm and no
        promotion, `nothing` otherwise.
    title : str
        One line.
    body : str
        Markdown: what the monitor found, what was decided, and the figures of both.
    branch : str
        A git branch's name for the evidence.
    """

    kind: Literal["nothing", "alarm", "promoted"]
    title: str
    body: str
    branch: str


def gather(root: Path) -> News:
    """What the last look (`reports/monitor.json`) found, and what became of it since.

    Raises
    ------
    UserError
        If the monitor has not looked yet.
    """
    seen = read_json(root / monitor.RESULT, "monitor")
    looked_at = datetime.fromisoformat(seen["at"])
    since = [
        each
        for each in registry.decisions(root)
        if each["action"] in DECIDED and datetime.fromisoformat(each["at"]) >= looked_at
    ]
    promoted = [each for each in since if each["action"] == "promoted"]
    decision = next(reversed(promoted or since), None)
    fired = [check for check in seen["checks"] if check["alert"]]
    beyond = (
        f"{len(fired) or 'None'} of {len(seen['checks'])} checks of model {seen['model_version']} "
        f"{'is' if len(fired) == 1 else 'are'} beyond the threshold"
    )
    if promoted:
        title = f"Model {promoted[-1]['model_version']} answers instead of {seen['model_version']}"
    else:
        title = beyond
    body = markdown.paragraphs(
        "## What the monitor found",
        _window(seen, beyond),
        markdown.table(_checks(fired)),
        "## What became of it",
        _outcome(seen, decision),
        markdown.table(_figures(decision)),
    )
    return News(
        "promoted" if promoted else "alarm" if fired else "nothing",
        " ".join(title.split()),
        _without_mentions(body) + "\n",
        "model-" + re.sub(r"[^A-Za-z0-9-]+", "-", str((decision or seen)["model_version"])),
    )


def run(root: Path) -> News:
    """`gather`, written to `reports/news.md`."""
    news = gather(root)
    write_text(root / BODY, news.body)
    return news


def _window(seen: dict[str, Any], beyond: str) -> str:
    window = seen["window"]
    span = f" from {window['from']} to {window['to']}" if window["from"] else ""
    return markdown.escape(
        f"{beyond}: {seen['rows']:,} rows of {window['source']}{span}, {seen['labelled']:,} of them "
        f"with labels, looked at on {seen['at']}."
    )


def _checks(fired: list[dict[str, Any]]) -> Table:
    rows = [
        [
            check["monitor"],
            check["name"],
            _number(check["value"]),
            _number(check["threshold"]),
            check["says"],
        ]
        for check in fired[:MOST_SHOWN]
    ]
    if len(fired) > MOST_SHOWN:
        rows.append(["", f"and {len(fired) - MOST_SHOWN} more", "", "", "reports/monitor.json"])
    return Table(["monitor", "check", "value", "threshold", ""], rows, frozenset({2, 3}))


def _outcome(seen: dict[str, Any], decision: dict[str, Any] | None) -> str:
    if decision is None:
        if not seen["alerts"]:
            return "Nothing was to be done."
        if not seen["retrain"]:
            return "None of these advises retraining (`monitor.retrain_on`): they need a look."
        return f"Retraining is advised: `uv run {SLUG} retrain`."
    version = f"Version {decision['version']} ({decision['model_version']})"
    before, reasons = decision["champion_before"], markdown.bullets(decision["reasons"])
    if decision["action"] == "promoted":
        said = markdown.escape(f"{version} answers instead of {before}:")
        after = (
            f"A service follows it where `uv run {SLUG} champion --watch 60` runs beside it; "
            f"`uv run {SLUG} rollback` puts the earlier one back."
        )
        return markdown.paragraphs(said, reasons, after)
    if decision["action"] == "refused":
        said = markdown.escape(
            f"{version} was learnt anew and refused; {before} goes on answering:"
        )
    else:
        said = markdown.escape(
            f"Retraining is advised and has to wait; {before} goes on answering:"
        )
    return markdown.paragraphs(said, reasons)


def _figures(decision: dict[str, Any] | None) -> Table | None:
    """What the gate measured."""
    if decision is None:
        return None
    rows = [
        [
            check["name"],
            "passed" if check["passed"] else "failed",
            _number(check["value"]),
            _number(check["bound"]),
            check["detail"],
        ]
        for check in decision["checks"]
    ]
    return Table(["gate", "", "value", "bound", ""], rows, frozenset({2, 3}))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _without_mentions(text: str) -> str:
    """A name of a column or a category must not call a person: a space of no width after each @."""
    return text.replace("@", "@\u200b")
