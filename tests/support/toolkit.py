"""Run the toolkit's tests: `uv run tests/support/toolkit.py [ROLE ...] [-- PYTEST ARGUMENTS]`.

Each folder of `tests/toolkit` is a subject of the toolkit, or a role whose own modules it tests. It
runs once, on the source where it lies, with the Python of the first role that has the subject.
"""

import subprocess
import sys
import tempfile
import uuid
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from environments import installed
from projects import clean_environment, commit, copy_template
from roles import ROLES
from subjects import TESTS, folders

NEEDED = ["schemathesis>=4.0"]  # by these tests, and not by a project


def tested(role: str, template: Path, session: str, options: list[str]) -> tuple[int, str]:
    """Run the folders of a role in its environment; return the status and what was said."""
    if not (subjects := folders()[role]):
        return 0, ""
    project = installed(role, template, session)
    python = project.bin / "python"
    project.uv("pip", "install", "--quiet", "--python", str(python), *NEEDED)
    done = subprocess.run(
        [str(python), "-m", "pytest", "-q", "-m", "not long", *options, *subjects],
        cwd=TESTS,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, f"{role}: {' '.join(subjects)}\n{done.stdout}"


def main(arguments: list[str]) -> int:
    """Run the folders of the given roles, or of all, two at a time; return the worst status."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    roles, options = arguments[:end] or ROLES, arguments[end + 1 :]
    session, statuses = uuid.uuid4().hex, [0]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:
        template = copy_template(Path(temporary) / "mlstart")
        commit(template, "The template as it is here")
        running = [pool.submit(tested, role, template, session, options) for role in roles]
        for done in as_completed(running):
            status, said = done.result()
            statuses.append(status)
            print(said, flush=True)
    return max(statuses)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
