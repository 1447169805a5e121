"""Readiness for a reviewer: what was verified, what failed, what could not be looked at, what only a
person can judge. A status is never better than what was seen."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Any

from ..project.errors import UserError
from ..project.settings import Project
from . import check_repository as repository
from . import check_results as results
from . import check_words as words
from . import template_update
from .look import RECORDS, Failed, Judge, Look, Unseen
from .role import Stage

VERIFIED, FAILED, UNSEEN, JUDGE = "verified", "failed", "not verified", "for a person to judge"
WAITS = "waits for"
MARKS = {VERIFIED: "✓", FAILED: "✗", UNSEEN: "?", JUDGE: "•"}


@dataclass(frozen=True)
class Item:
    """One line of the review.

    Attributes
    ----------
    name, why : str
        What is looked at, and the line of the reviewer's rubric that it serves.
    status : str
        `verified`, `failed`, `not verified` or `for a person to judge`.
    found, advice : str
        What was seen, and what to do; empty where there is nothing to say.
    command : str
        What to type first; it turns the item green, or what it names must be written first.
    """

    name: str
    why: str
    status: str
    found: str = ""
    advice: str = ""
    command: str = ""

    def passes(self, offline: bool = False) -> bool:
        """Whether `check --strict` accepts it."""
        return self.status in (VERIFIED, JUDGE) or (offline and self.status == UNSEEN)

    def to_json(self) -> dict[str, Any]:
        """The item as a script reads it."""
        return {**asdict(self), "passed": self.passes()}


RUN, SETTINGS, UPDATE = "uv run {slug} run", "edit params.yaml", "uvx copier update"
PUSH = "git remote add origin https://github.com/YOU/{slug} && git push -u origin HEAD"
COMMIT = f"git add {' '.join(repository.COMMITTED)} && git commit -m Results"
# In the order in which they are best put right: what others rest on first, then what weighs most. Of
# each: what is looked at, the item without which there is nothing to look at, what to type, and why.
ITEMS: list[tuple[str, Callable[[Look], str], str, str, str]] = [
    ("introduced", words.introduced, "", UPDATE, "Explained: whose project it is and what it does."),
    ("own data", results.own_data, "", SETTINGS, "Data first: a real problem, loaded and understood."),
    ("run finished", results.finished, "", RUN, "Each stage works; it is not only described."),
    ("data as it seems", results.as_it_seems, "run finished", SETTINGS, "Data first: nothing is silently something else."),
    ("no leak found", results.no_leak, "run finished", SETTINGS, "Honest splits: leaks are hunted."),
    ("beats the baseline", results.beats_baseline, "run finished", SETTINGS, "Baseline first: a richer model earns its place."),
    ("results current", results.current, "run finished", RUN, "Numbers come from the run, never from a hand."),
    ("test set opened once", results.opened_once, "run finished", RUN, "Honest splits: every opening is counted."),
    ("README in your words", words.in_words("README.md"), "run finished", "", "Explained: problem, approach, limits in 30 seconds."),
    ("model card in your words", words.in_words("MODEL_CARD.md"), "run finished", "", "Responsible: who could be harmed, what for."),
    ("datasheet in your words", words.in_words("DATA.md"), "run finished", "", "Responsible: where the data comes from."),
    ("decisions argued", words.in_words(*RECORDS), "run finished", "", "The metric, the split and the model are decisions."),
    ("tests", words.tested, "", "edit tests/test_mine.py", "What must not break is tested."),
    ("licence", words.licensed, "", UPDATE, "Others may use it."),
    ("git history", repository.history, "", "git commit", "The work can be followed step by step."),
    ("versions locked", repository.lock, "git history", "git add uv.lock && git commit -m Versions", "It runs elsewhere as it ran here."),
    ("results committed", repository.results_committed, "git history", COMMIT, "Errors and results are seen without running."),
    ("published", repository.remote, "git history", PUSH, "A reviewer can open it."),
    ("automated", repository.automated, "published", UPDATE, "Watched: CI builds and asks the service."),
    ("live link", repository.reachable, "published", "uv run {slug} site --screenshot", "Served: a model a reviewer can ask."),
    ("template release", repository.as_released, "", UPDATE, "Yours: what you changed is known to you."),
    ("workflows updated", repository.workflows, "", template_update.APPLY, "Watched: CI is as the template improved it."),
]  # fmt: skip


def run(
    project: Project, params: Any, report: Stage | None = None, offline: bool = False
) -> list[Item]:
    """Look at every item, in the order in which they are best put right.

    An item whose ground is missing is not looked at. One that a broken file keeps from being looked
    at fails with the cause.
    """
    at, items = Look(project, params, report, offline), dict[str, Item]()
    for name, look, after, command, why in ITEMS:
        earlier = items.get(after)
        if earlier and (earlier.status == FAILED or earlier.found.startswith(WAITS)):
            items[name] = Item(name, why, UNSEEN, found=f"{WAITS} “{after}”")
            continue
        try:
            found = look(at)
            status = JUDGE if isinstance(found, Judge) else VERIFIED
            items[name] = Item(name, why, status, found=found)
        except Failed as failed:
            advice, first = failed.args
            typed = (first or command).format(slug=project.slug)
            items[name] = Item(name, why, FAILED, advice=advice, command=typed)
        except Unseen as unseen:
            items[name] = Item(name, why, UNSEEN, found=str(unseen))
        except UserError as error:
            items[name] = Item(name, why, FAILED, advice=str(error))
    return list(items.values())


def format_table(items: list[Item], offline: bool = False, width: int = 88) -> str:
    """Write the items for a terminal: a line each, and below it what was seen or what to do."""
    longest = max((len(item.name) for item in items), default=0)
    lines = []
    for item in items:
        lines.append(f"{MARKS[item.status]} {item.name:<{longest}}  {item.why}")
        note = f"{item.status}: {item.found}" if item.status in (JUDGE, UNSEEN) else item.advice
        lines += [f"    {line}" for line in wrap(note, width)]
        lines += [f"    $ {item.command}"] if item.command else []
    counts = [(status, sum(item.status == status for item in items)) for status in MARKS]
    told = ", ".join(f"{count} {status}" for status, count in counts if count)
    left = [item for item in items if not item.passes(offline)]
    first = next((item for item in left if item.status == FAILED), None)
    end = (
        f"Begin with “{first.name}”."
        if first
        else "Connect, or say --offline."
        if left
        else "Ready for a reviewer."
    )
    return "\n".join([*lines, "", f"{told}. {end}"])
