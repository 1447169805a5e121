"""What git says of the project: the commit a model is made from, and the history."""

import os
import subprocess
from pathlib import Path


def git(root: Path, *arguments: str) -> str | None:
    """What git answers in a folder, or None where it cannot: no git, no repository, no commit."""
    command = ["git", "-C", str(root), *arguments]
    env = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}  # nobody is asked for a password
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=True, env=env
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def git_commit(root: Path) -> str | None:
    """The commit of the project's folder, or None outside git; `-dirty` when files differ."""
    return git(root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*") or None
