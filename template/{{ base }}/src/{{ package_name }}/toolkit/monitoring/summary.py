"""What people should know after the monitor ran: nothing, an alarm, or another model."""

import re
from datetime import datetime
from pathlib import Path

from ..journal.decision_log import decisions
from ..project.files import read_json, write_text
from ..project.settings import Project
from .alerts import RESULT
from .templates import render

BODY = Path("reports", "news.md")
TEMPLATE = Path(__file__).with_name("summary.md.j2")
MOST_SHOWN = 40  # checks; an issue has an end
DECIDED = ("promoted", "refused", "postponed")


def summarize(project: Project) -> dict[str, str]:
    """What the monitor found last (`reports/monitor.json`), and what became of it since.

    Returns
    -------
    dict
        `kind`: `promoted` where a model was promoted since the monitor ran, `alarm` where there was
        an alarm and no promotion, `nothing` otherwise. `title`: one line. `body`: Markdown with the
        figures, also written to `reports/news.md`. `branch`: a git branch's name for the evidence.

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
    body = render(
        TEMPLATE,
        slug=project.slug,
        seen=seen,
        decision=decision,
        fired=fired,
        beyond=beyond,
        most=MOST_SHOWN,
    )
    # A name of a column or a category must not call a person: a space of no width after each @.
    body = body.replace("@", "@\u200b") + "\n"
    write_text(project.root / BODY, body)
    version = str((decision or seen)["model_version"])
    return {
        "kind": "promoted" if promoted else "alarm" if fired else "nothing",
        "title": " ".join(title.split()),
        "body": body,
        "branch": "model-" + re.sub(r"[^A-Za-z0-9-]+", "-", version),
    }
