"""What people should know after the monitor ran: nothing, an alarm, or another model."""

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from ..journal.decision_log import decisions
from ..markdown import markdown
from ..markdown.markdown import Table
from ..project.files import read_json, write_text
from ..project.settings import Project
from .alerts import RESULT

BODY = Path("reports", "news.md")
MOST_SHOWN = 40  # checks; an issue has an end
DECIDED = ("promoted", "refused", "postponed")


@dataclass(frozen=True)
class Summary:
    """What is told.

    Attributes
    ----------
    kind : str
        `promoted` where a model was promoted since the monitor ran, `alarm` where there was an alarm
        and no promotion, `nothing` otherwise.
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


def summarize(project: Project) -> Summary:
    """What the monitor found last (`reports/monitor.json`), and what became of it since.

    It is written to `reports/news.md`, too.

    Raises
    ------
    UserError
        If the monitor has not run yet.
    """
    seen = read_json(project.root / RESULT, "monitor")
    ran_at = datetime.fromisoformat(seen["at"])
    since = [
        each
        for each in decisions(project.root)
        if each["action"] in DECIDED and datetime.fromisoformat(each["at"]) >= ran_at
    ]
    promoted = [each for each in since if each["action"] == "promoted"]
    decision = next(reversed(promoted or since), None)
    fired = [check for check in seen["checks"] if check["alert"]]
    beyond = (
        f"{len(fired) or 'None'} of {len(seen['checks'])} checks of model {seen['model_version']} "
        f"{'is' if len(fired) == 1 else 'are'} beyond the threshold"
    )
    title = beyond
    if promoted:
        title = f"Model {promoted[-1]['model_version']} answers instead of {seen['model_version']}"
    body = markdown.paragraphs(
        "## What the monitor found",
        _window(seen, beyond),
        markdown.table(_checks(fired)),
        "## What became of it",
        _outcome(project.slug, seen, decision),
        markdown.table(_figures(decision)),
    )
    summary = Summary(
        "promoted" if promoted else "alarm" if fired else "nothing",
        " ".join(title.split()),
        # A name of a column or a category must not call a person: a space of no width after each @.
        body.replace("@", "@\u200b") + "\n",
        "model-" + re.sub(r"[^A-Za-z0-9-]+", "-", str((decision or seen)["model_version"])),
    )
    write_text(project.root / BODY, summary.body)
    return summary


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
        rows.append(["", f"and {len(fired) - MOST_SHOWN} more", "", "", str(RESULT)])
    return Table(["monitor", "check", "value", "threshold", ""], rows, frozenset({2, 3}))


def _outcome(slug: str, seen: dict[str, Any], decision: dict[str, Any] | None) -> str:
    if decision is None:
        if not seen["alerts"]:
            return "Nothing was to be done."
        if not seen["retrain"]:
            return "None of these advises retraining (`monitor.retrain_on`): they need a look."
        return f"Retraining is advised: `uv run {slug} retrain`."
    version = f"Version {decision['version']} ({decision['model_version']})"
    before, after = decision["champion_before"], ""
    if decision["action"] == "promoted":
        said = f"{version} answers instead of {before}:"
        after = (
            f"A service follows it where `uv run {slug} champion --watch 60` runs beside it; "
            f"`uv run {slug} rollback` puts the earlier one back."
        )
    elif decision["action"] == "refused":
        said = f"{version} was retrained and refused; {before} goes on answering:"
    else:
        said = f"Retraining is advised and has to wait; {before} goes on answering:"
    return markdown.paragraphs(markdown.escape(said), markdown.bullets(decision["reasons"]), after)


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
