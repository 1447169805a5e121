"""Readiness for a reviewer: each item passes, or says what to do and why it matters."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

from ..markdown.blocks import unfilled
from ..project.errors import UserError
from ..project.files import read_json
from ..project.settings import Project
from ..reporting.run import Run
from ..training.git import git
from . import pipeline, release
from .role import LEFT

# What the template's questions offer when nobody answers them.
PLACEHOLDERS = (
    "A machine-learning project that goes from raw data to a served, explained model.",
    "Your Name",
    "you@example.com",
    "your-github-name",
)
LIVE = re.compile(
    r"https://[\w.-]+\.(hf\.space|onrender\.com|fly\.dev|up\.railway\.app|run\.app|github\.io)"
    r"|https://huggingface\.co/spaces/"
)


@dataclass(frozen=True)
class Item:
    """One line of the review.

    Attributes
    ----------
    name : str
        What is looked at.
    status : str
        `pass`, `fail`, or `advice` for what is better done but does not fail the check.
    advice : str
        What to do; empty when it passes.
    why : str
        The line of the reviewer's rubric that it serves.
    """

    name: str
    status: str
    advice: str
    why: str

    @property
    def passed(self) -> bool:
        """Whether `check --strict` accepts it."""
        return self.status != "fail"

    def to_json(self) -> dict[str, Any]:
        """The item as a script reads it."""
        return {**asdict(self), "passed": self.passed}


Look = Callable[[Project, Any], str]


def run(project: Project, params: Any) -> list[Item]:
    """Look at every item; those that a broken file keeps from being looked at fail with the cause."""
    items = []
    for name, look, required, why in ITEMS:
        try:
            advice = look(project, params)
        except UserError as error:
            advice = str(error)
        status = "pass" if not advice else "fail" if required else "advice"
        items.append(Item(name, status, advice, why))
    return items


def format_table(items: list[Item], width: int = 88) -> str:
    """Write the items for a terminal: what passes in one line each, what does not with its advice."""
    marks = {"pass": "✓", "fail": "✗", "advice": "·"}
    longest = max((len(item.name) for item in items), default=0)
    lines = []
    for item in items:
        lines.append(f"{marks[item.status]} {item.name:<{longest}}  {item.why}")
        lines += [f"    {line}" for line in wrap(item.advice, width)]
    missing = sum(not item.passed for item in items)
    good = sum(item.status == "pass" for item in items)
    end = "Ready for a reviewer." if not missing else f"{missing} to do before a reviewer sees it."
    return "\n".join([*lines, "", f"{good} of {len(items)} pass. {end}"])


def finished(project: Project, params: Any) -> str:
    """All four stages have left their files."""
    files = [name for left in LEFT.values() for name in left]
    missing = [name for name in files if not (project.root / name).is_file()]
    return f"Run `run`: {', '.join(missing)} not there yet." if missing else ""


def current(project: Project, params: Any) -> str:
    """The results are those of the settings and the code that lie beside them."""
    if not (project.root / "dvc.lock").is_file():
        return "Run `run`: there is no dvc.lock, so nothing says what the results were made from."
    changed = ", ".join(pipeline.changed(project.root))
    return f"Run `run` again: {changed} changed since the results were made." if changed else ""


def readme(project: Project, params: Any) -> str:
    """The README's owner has said what no run can say."""
    return _owned(project.root / "README.md")


def model_card(project: Project, params: Any) -> str:
    """Intended use, harm and monitoring are stated."""
    return _owned(project.root / "MODEL_CARD.md")


def datasheet(project: Project, params: Any) -> str:
    """The data's origin, licence and known biases are stated."""
    return _owned(project.root / "DATA.md")


def decisions(project: Project, params: Any) -> str:
    """Metric, split and model are argued for."""
    records = sorted((project.root / "docs" / "decisions").glob("0*.md"))
    if not records:
        return "Run `report`: it begins the records in docs/decisions/, which you then argue."
    return " ".join(filter(None, map(_owned, records)))


def own_data(project: Project, params: Any) -> str:
    """The project is about the owner's problem."""
    if getattr(getattr(params, "data", None), "source", None) != "sample":
        return ""
    return (
        "This is still the sample. Your own problem tells more about you: say where its data "
        "lies, under `data` in params.yaml."
    )


def beats_baseline(project: Project, params: Any) -> str:
    """The shipped model is better than the first candidate, beyond chance."""
    bounds = Run.load(project).test_gain().get("ci")
    if bounds is None:
        return "Run `evaluate`: the gain over the baseline has not been measured."
    if bounds[0] > 0:
        return ""
    return (
        "The interval of the gain over the baseline includes zero. Look for better features or more "
        "rows, or say in the README that a rule is enough."
    )


def no_leak(project: Project, params: Any) -> str:
    """No leak check failed."""
    checks = read_json(project.root / "reports" / "data.json", "data").get("leaks") or []
    failed = [check for check in checks if check.get("status") == "failed"]
    return " ".join(
        f"{check['check']}: {check.get('remedy') or check['detail']}" for check in failed
    )


def opened_once(project: Project, params: Any) -> str:
    """The test set judged one model."""
    count = read_json(project.root / "reports" / "metrics.json", "evaluate").get("test_openings", 1)
    if count <= 1:
        return ""
    return (
        f"It was used to evaluate {count} models, so its numbers are slightly optimistic. Say so in "
        "the README, or evaluate the final model on data that no run has seen."
    )


def history(project: Project, params: Any) -> str:
    """The work can be followed."""
    count = _git(project.root, "rev-list", "--count", "HEAD")
    if count is None:
        return "Run `git init`, then commit as you work: a reviewer reads the history."
    return "" if int(count) > 1 else "Commit in small steps: one commit shows no work."


def remote(project: Project, params: Any) -> str:
    """The repository can be opened by a reviewer."""
    return (
        ""
        if _git(project.root, "remote")
        else "Create the repository on GitHub and `git push` to it."
    )


def results_committed(project: Project, params: Any) -> str:
    """The README's figure and the report are in git, where a reviewer sees them."""
    missing = [
        name
        for name in ("reports/figures/ladder.png", "reports/report.html", "MODEL_CARD.md")
        if not _tracked(project.root, name)
    ]
    return f"Commit {', '.join(missing)}: the README points there." if missing else ""


def lock(project: Project, params: Any) -> str:
    """Anyone gets the versions that were tested."""
    if not (project.root / "uv.lock").is_file():
        return "Run `uv lock` and commit uv.lock."
    return "" if _tracked(project.root, "uv.lock") else "Commit uv.lock."


def tested(project: Project, params: Any) -> str:
    """There are tests."""
    files = (project.root / "tests").rglob("test_*.py")
    found = any("def test_" in file.read_text("utf-8", errors="replace") for file in files)
    return "" if found else "Write a test in tests/ for what you would least like to break."


def automated(project: Project, params: Any) -> str:
    """A machine runs the tests at each push."""
    found = any((project.root / ".github" / "workflows").glob("*.y*ml"))
    return "" if found else "Add a workflow in .github/workflows/ that runs the tests."


def licensed(project: Project, params: Any) -> str:
    """Others may read and use the code."""
    return "" if any(project.root.glob("LICEN[CS]E*")) else "Add a LICENSE file."


def reachable(project: Project, params: Any) -> str:
    """The service can be called without installing anything."""
    path = project.root / "README.md"
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    if LIVE.search(text):
        return ""
    return "Put the service on a free host and link it near the top of README.md."


def introduced(project: Project, params: Any) -> str:
    """Name, author and purpose are the owner's."""
    path = project.root / "pyproject.toml"
    text = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    left = [placeholder for placeholder in PLACEHOLDERS if placeholder in text]
    if not left:
        return ""
    return (
        f"Replace {'; '.join(f'“{placeholder}”' for placeholder in left)} (run `copier update` and "
        "answer the questions, so that every file follows)."
    )


def as_released(project: Project, params: Any) -> str:
    """The toolkit is as the template's release wrote it."""
    changed = release.changed()
    if not changed:
        return ""
    return (
        f"The project is on release {release.release(project.root) or 'unknown'} of the template, and "
        f"these toolkit files differ from it: {', '.join(changed)}. That is fine where you meant it; "
        "`copier update` merges them."
    )


ITEMS: list[tuple[str, Look, bool, str]] = [
    ("run finished", finished, True, "Each stage works; it is not only described."),
    ("results current", current, True, "Numbers come from the run, never from a hand."),
    ("beats the baseline", beats_baseline, True, "Baseline first: a richer model earns its place."),
    ("no leak found", no_leak, True, "Honest splits: leaks are hunted."),
    ("test set opened once", opened_once, False, "Honest splits: the test set is opened once."),
    ("own data", own_data, False, "Data first: a real problem, loaded and understood."),
    ("README in your words", readme, True, "Explained: problem, approach, limits in 30 seconds."),
    ("model card in your words", model_card, True, "Responsible: who could be harmed, what for."),
    ("datasheet in your words", datasheet, True, "Responsible: where the data comes from."),
    ("decisions argued", decisions, True, "The metric, the split and the model are decisions."),
    ("introduced", introduced, True, "Explained: whose project it is and what it does."),
    ("git history", history, True, "The work can be followed step by step."),
    ("published", remote, True, "A reviewer can open it."),
    ("results committed", results_committed, True, "Errors and results are seen without running."),
    ("versions locked", lock, True, "It runs elsewhere as it ran here."),
    ("tests", tested, True, "What must not break is tested."),
    ("automated", automated, True, "Watched: CI builds and asks the service."),
    ("licence", licensed, True, "Others may use it."),
    ("live link", reachable, False, "Served: a service a reviewer could call."),
    ("template release", as_released, False, "Yours: what you changed is known to you."),
]


def _owned(path: Path) -> str:
    if not path.is_file():
        return f"{path.name} is not there: run `run`, which begins it."
    left = unfilled(path.read_text("utf-8", errors="replace"))
    if not left:
        return ""
    count = "1 section waits" if len(left) == 1 else f"{len(left)} sections wait"
    return (
        f"{path.name}: {count} for your words; write, then delete the owner comment. "
        f"First: {left[0]}"
    )


def _git(root: Path, *arguments: str) -> str | None:
    """What git answers, or None when it cannot; a repository around the project is another one."""
    return git(root, *arguments) if (root / ".git").exists() else None


def _tracked(root: Path, name: str) -> bool:
    return bool(_git(root, "ls-files", "--", name))
