"""Releases of the template, and projects that are updated to them."""

import contextlib
from importlib.metadata import entry_points
from pathlib import Path

from projects import commit, git

(COPIER,) = entry_points(group="console_scripts", name="copier")


def copier(*arguments: str, cwd: Path) -> None:
    """Run Copier's command line, without `--trust`; in this process, which has compiled the templates."""
    with contextlib.chdir(cwd):
        _, status = COPIER.load()(["copier", *arguments], exit=False)
    assert status == 0, arguments


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert text.count(old) == 1, f"{path.name} does not have {old!r} once"
    path.write_text(text.replace(old, new), "utf-8")


def conflicts(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file()
        and ".git" not in path.relative_to(folder).parts
        and (path.suffix == ".rej" or b"<<<<<<< " in path.read_bytes())
    ]


def same_tree(one: Path, other: Path) -> bool:
    """Whether git would store the same of both folders; it is told what differs."""
    for folder in (one, other):
        commit(folder, "Now")
    trees = [git(folder, "rev-parse", "HEAD^{tree}") for folder in (one, other)]
    if trees[0] != trees[1]:
        listed = [set(git(folder, "ls-files").splitlines()) for folder in (one, other)]
        print("differ in", sorted(listed[0] ^ listed[1]))
    return trees[0] == trees[1]
