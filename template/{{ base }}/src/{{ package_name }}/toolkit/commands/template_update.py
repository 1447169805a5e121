"""The weekly update from the template, and what its pull request says.

`.github/workflows/update.yml` runs this file with nothing installed, so it needs the standard library
only. An older workflow calls a newer release of it: its place and its argument stay as they are.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

WORKFLOWS = ".github/workflows"
HELD_BACK = ".github/template-update.patch"
APPLY = f"git apply --3way {HELD_BACK} && git rm --quiet {HELD_BACK}"
ROBOT = ("-c", "user.name=template update", "-c", "user.email=template-update@localhost")
MARK = re.compile(rb"^<{7} ", re.MULTILINE)


def git(*arguments: str, check: bool = True) -> str:
    """Run git in the current folder; return what it prints."""
    done = subprocess.run(["git", *ROBOT, *arguments], stdout=subprocess.PIPE, check=check)
    return done.stdout.decode()


def listed(*arguments: str) -> list[str]:
    """Names of the files that `git diff` gives."""
    return [name for name in git("diff", "--name-only", "-z", *arguments).split("\0") if name]


def release() -> str:
    """The release of the template that the project is on."""
    found = re.search(r"^_commit: *(\S+)", Path(".copier-answers.yml").read_text("utf-8"), re.M)
    return found[1] if found else "unknown"


def merge() -> list[str]:
    """Update the project, all of it staged; return the files in conflict.

    A change that was held back is part of the release the project is on. Copier would take a project
    without it for one whose owner undid it, so it is applied first, in a commit that is then undone.
    """
    start, conflicts = git("rev-parse", "HEAD").strip(), []
    if Path(HELD_BACK).exists():
        applied = subprocess.run(["git", "apply", "--3way", HELD_BACK])
        conflicts = listed("--diff-filter=U")
        if applied.returncode and not conflicts:
            sys.exit(f"{HELD_BACK} does not fit: make its changes by hand, delete it, commit.")
        git("rm", "--quiet", HELD_BACK)
        git("add", "--all")
        git("commit", "--quiet", "--no-verify", "--message", "Held back")
    subprocess.run(["uvx", "copier", "update", "--defaults"], check=True)
    conflicts += listed("--diff-filter=U")
    # What is unmerged keeps git from changing to another branch.
    git("add", "--all")
    git("reset", "--quiet", "--soft", start)
    return conflicts


def resolve_packages() -> bool:
    """Lock anew, up to the date of the release; tell whether that worked."""
    commands = (["uv", "lock", "--upgrade"], ["make", "requirements"])
    done = all(subprocess.run(command).returncode == 0 for command in commands)
    git("add", "--all")
    return done


def hold_back() -> list[str]:
    """Put what is staged in the workflows into a patch instead; return the files."""
    names = listed("--cached", "HEAD", "--", WORKFLOWS)
    if names:
        patch = git("diff", "--cached", "--binary", "--full-index", "HEAD", "--", WORKFLOWS)
        Path(HELD_BACK).write_text(patch, "utf-8")
        git("restore", "--source=HEAD", "--staged", "--worktree", "--", *names)
        git("add", HELD_BACK)
    return names


def described(before: str, conflicts: list[str], locked: bool, held: list[str], token: bool) -> str:
    """The text of the pull request."""
    parts = [f"`copier update` merged release {release()} of the template; it was {before}."]
    if conflicts:
        parts.append(
            "**In conflict.** Both sides changed the same lines of these files, which stand between "
            "conflict markers. Resolve them before merging:\n\n" + bullets(conflicts)
        )
    if held:
        parts.append(
            "**Held back.** GitHub does not let the default token of a workflow change workflows. "
            f"What the release changes there is in `{HELD_BACK}`; apply it on this branch, or after "
            f"merging:\n\n```console\n{APPLY}\ngit commit -m 'Workflows of the template'\n```\n\n"
            "With the secret that `.github/workflows/update.yml` names it arrives by itself.\n\n"
            + bullets(held)
        )
    removed = listed("--cached", "--diff-filter=D", "--no-renames", "HEAD", "--", f":!{HELD_BACK}")
    if removed:
        parts.append(
            "**Removed or moved by the release.** What you had changed in these files is not carried "
            "over; `git log -- FILE` has it.\n\n" + bullets(removed)
        )
    if not locked:
        parts.append(
            "**Not locked.** pyproject.toml needs a hand; then `uv lock --upgrade && make requirements`."
        )
    if not token:
        parts.append(
            "**The checks wait.** GitHub runs the checks of a pull request that the default token "
            "opened only after somebody with write access approves them here."
        )
    parts.append("The next weekly run rewrites this branch: merge what you push to it before then.")
    return "\n\n".join(parts) + "\n"


def bullets(names: list[str]) -> str:
    """A list in Markdown; GitHub bounds the whole text."""
    more = [f"- and {len(names) - 50} more"] if len(names) > 50 else []
    return "\n".join([*(f"- `{name}`" for name in names[:50]), *more])


def main(body: Path, token: bool) -> None:
    """Update the project in the current folder and write the text of the pull request.

    Parameters
    ----------
    body : Path
        Where the text goes; outside the project.
    token : bool
        Whether a token may change workflows; what the release changes there is held back otherwise.
    """
    before = release()
    conflicts = merge()
    locked = resolve_packages()
    # The requirements are written whole, whatever was in conflict there.
    conflicts = [n for n in conflicts if Path(n).is_file() and MARK.search(Path(n).read_bytes())]
    held = [] if token else hold_back()
    body.write_text(described(before, conflicts, locked, held, token), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), token=os.environ.get("MAY_CHANGE_WORKFLOWS") == "true")
