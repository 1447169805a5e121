"""Which release of the template a project is on, and which toolkit files differ from it."""

import hashlib
import json
from pathlib import Path
from typing import Any

TOOLKIT = Path(__file__).parent.parent
ANSWERS = ".copier-answers.yml"
DIGESTS = "digests.json"


def release(root: Path) -> str | None:
    """The release that `copier` wrote down; None where it has not."""
    from ..project import yaml_files  # the template loads this module alone, for its digests

    path = root / ANSWERS
    answers: Any = yaml_files.load(path.read_text("utf-8")) if path.is_file() else None
    return (answers or {}).get("_commit")


def digest(path: Path, toolkit: Path = TOOLKIT) -> str:
    """What a file is known by: its place in the toolkit and its text, whatever its line ends are."""
    name = path.relative_to(toolkit).as_posix()
    text = path.read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(name.encode() + b"\0" + text).hexdigest()[:20]


def files(toolkit: Path = TOOLKIT) -> list[Path]:
    """All files of the toolkit that the template writes."""
    return sorted(
        path
        for path in toolkit.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and path != toolkit / DIGESTS
    )


def changed(toolkit: Path = TOOLKIT) -> list[str]:
    """The toolkit's files that were edited or added since the release; none where it is unknown."""
    path = toolkit / DIGESTS
    if not path.is_file():
        return []
    known = set(json.loads(path.read_text("utf-8")))
    return [
        path.relative_to(toolkit).as_posix()
        for path in files(toolkit)
        if digest(path, toolkit) not in known
    ]
