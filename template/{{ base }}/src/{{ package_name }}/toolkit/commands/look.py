"""What `check` looks at, read once, and how an item says what it found."""

import re
import shutil
import tempfile
import tomllib
import urllib.error
import urllib.request
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..project.files import read_json
from ..project.settings import Project
from ..reporting.documents import SKELETONS
from ..training.git import git
from . import own_words, release
from .role import Stage

RECORDS = sorted(f"docs/decisions/{path.name}" for path in SKELETONS.glob("0*.md"))
OWNED = ("README.md", "MODEL_CARD.md", "DATA.md", *RECORDS)
TIMEOUT = 20  # seconds; a free host that sleeps takes longer, and is not verified


class Failed(Exception):
    """What to do about an item, and the command for it."""


class Unseen(Exception):
    """Why an item could not be looked at."""


class Judge(str):
    """What was seen of something that only a person can judge."""


def need(holds: Any, advice: str, command: str = "") -> None:
    """Fail the item with what to do unless something holds."""
    if not holds:
        raise Failed(advice, command)


class Look:
    """What the items look at, read once.

    Parameters
    ----------
    project : Project
    params : BaseParams
    report : callable, optional
        The report stage; what it would write now is compared with the documents.
    offline : bool
        Whether to leave out what needs the network.
    """

    def __init__(
        self, project: Project, params: Any, report: Stage | None = None, offline: bool = False
    ) -> None:
        self.project, self.params, self.report, self.offline = project, params, report, offline
        self.root = project.root

    def text(self, name: str) -> str:
        """A file of the project; empty where there is none."""
        path = self.root / name
        return path.read_text("utf-8", errors="replace") if path.is_file() else ""

    def git(self, *arguments: str) -> str | None:
        """What git answers, or None when it cannot; a repository around the project is another one."""
        return git(self.root, *arguments) if (self.root / ".git").exists() else None

    def json(self, name: str) -> dict[str, Any]:
        """A file of the run."""
        content: dict[str, Any] = read_json(self.root / name, "run")
        return content

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """The `project` table of pyproject.toml; empty where it cannot be read."""
        with suppress(tomllib.TOMLDecodeError):
            return dict(tomllib.loads(self.text("pyproject.toml")).get("project") or {})
        return {}

    @cached_property
    def online(self) -> bool:
        """Whether the network can be reached, so that what does not answer is not there."""
        with suppress(OSError):
            return not self.offline and fetch("https://github.com")[0] > 0
        return False

    def fetch(self, address: str) -> tuple[int, str]:
        """Status and text of a page; raises `Unseen` offline, status 0 where nothing answers."""
        if self.offline:
            raise Unseen("--offline")
        try:
            return fetch(address)
        except OSError as error:
            if self.online:
                return 0, str(error)
            raise Unseen(f"the network does not answer ({error})") from None

    @cached_property
    def rewritten(self) -> dict[str, str]:
        """What `report` writes of this run into documents that hold nothing else, by name."""
        if self.report is None:
            return {}
        with tempfile.TemporaryDirectory() as folder:
            for name in (
                "reports",
                "models/current",
                "dvc.yaml",
                "pyproject.toml",
                "docs/preview.png",
            ):
                path, copy = self.root / name, Path(folder, name)
                copy.parent.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    shutil.copytree(path, copy)
                elif path.is_file():
                    shutil.copy(path, copy)
            self.report(replace(self.project, root=Path(folder)), self.params)
            names = (*OWNED, "reports/report.html")
            made = {name: Path(folder, name) for name in names}
            return {name: path.read_text("utf-8") for name, path in made.items() if path.is_file()}

    @cached_property
    def lacking(self) -> dict[str, list[str]]:
        """What each document lacks of its owner's words; a sentence counts where it is met first."""
        reading = own_words.Reading()
        texts = {name: self.text(name) for name in OWNED}
        skeletons = {name: self.skeleton(name, text) for name, text in texts.items()}
        reading.learn(self.project.description)
        for name, text in texts.items():
            reading.learn(skeletons[name])
            for written in (text, self.rewritten.get(name, "")):
                content = "\n\n".join(own_words.blocks(written).values())
                reading.learn(content)
                reading.run_numbers |= own_words.numbers(content)
        page = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]*>", " ", self.text("reports/report.html"), flags=re.DOTALL)  # fmt: skip
        reading.run_numbers |= own_words.numbers(page)
        return {name: reading.missing(text, skeletons[name]) for name, text in texts.items()}

    def skeleton(self, name: str, text: str) -> str:
        """The document as the template begins it; of the roles' datasheets, the one that fits."""
        if name != "DATA.md":
            return (SKELETONS / Path(name).name).read_text("utf-8")
        found = [path.read_text("utf-8") for path in release.TOOLKIT.glob("*/datasheet.md")]
        return max(found, key=lambda each: sum(
            section.heading in text for section in own_words.sections(each)
        ), default="# Data\n<!-- owner: Say where the data comes from and whom it leaves out. -->")  # fmt: skip


def fetch(address: str) -> tuple[int, str]:
    """Status and beginning of a page; raises OSError where nothing answers."""
    request = urllib.request.Request(address, headers={"User-Agent": "readiness check"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:  # noqa: S310
            return answer.status, answer.read(2_000_000).decode("utf-8", errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, ""
