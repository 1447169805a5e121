"""Run the toolkit's tests: `uv run tests/support/toolkit.py [ROLE ...] [-- PYTEST ARGUMENTS]`.

Each folder of `tests/toolkit` is a subject of the toolkit, or a role whose own modules it tests. It
runs once, on the source where it lies, with the Python of the first role that has the subject.
"""

import subprocess
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from environments import installed
from projects import clean_environment, commit, copy_template
from roles import ROLES
from subjects import TESTS, folders

NEEDED = ["schemathesis>=4.0", "pytest-xdist>=3.6"]  # by these tests, and not by a project


def prepared(role: str, template: Path, session: str) -> Path:
    """Install a role's environment with what its tests need; return its Python."""
    project = installed(role, template, session)
    python = project.bin / "python"
    project.uv("pip", "install", "--quiet", "--python", str(python), *NEEDED)
    return python


def main(arguments: list[str]) -> int:
    """Run the folders of the given roles, or of all; return the worst status."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    roles, options = arguments[:end] or ROLES, arguments[end + 1 :]
    subjects, session, statuses = folders(), uuid.uuid4().hex, [0]
    roles = [role for role in roles if subjects[role]]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:
        template = copy_template(Path(temporary) / "mlstart")
        commit(template, "The template as it is here")
        pythons = pool.map(lambda role: prepared(role, template, session), roles)
        for role, python in zip(roles, pythons, strict=True):
            print(f"{role}: {' '.join(subjects[role])}", flush=True)
            # Two tests at a time: one role's tests take as long as those of all others.
            command = [str(python), "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile"]
            command += ["--no-loadscope-reorder", "-m", "not long", *options, *subjects[role]]
            done = subprocess.run(command, cwd=TESTS, env=clean_environment())
            statuses.append(done.returncode)
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
