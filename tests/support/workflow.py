"""A workflow run on this machine by act, every `run:` step for real; actions have stand-ins."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from projects import clean_environment, git, wheels

STAND_INS = Path(__file__).parent / "stand_ins"
# What the default token may, a job has to ask for.
NEEDED = {
    "actions/checkout": {"contents": "read"},  # of a private repository
    "peter-evans/create-pull-request": {"contents": "write", "pull-requests": "write"},
    "actions/configure-pages": {"pages": "read"},
    "actions/deploy-pages": {"pages": "write", "id-token": "write"},
}
WITH_WORKFLOWS = "a token that may change workflows"


@dataclass
class Outcome:
    """What a run did.

    Attributes
    ----------
    jobs : dict of str to str
        The result of each job that ran, by its id.
    log : str
        What the steps printed.
    calls : list of dict
        What `gh` was asked: `arguments`, `body`, `token`, `repository`.
    folder : Path
        Where the stand-ins left the rest.
    """

    jobs: dict[str, str] = field(default_factory=dict)
    log: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    folder: Path = Path()

    def pull_request(self) -> tuple[str, str] | None:
        """Title and text of the pull request, if there is one."""
        title, body = (self.folder / f"pull-request-{part}" for part in ("title", "body"))
        return (title.read_text("utf-8"), body.read_text("utf-8")) if title.exists() else None


def replaced(path: Path) -> dict[str, Path]:
    """The stand-in of each action of a workflow; fails at what act would let pass and GitHub would not."""
    found = {}
    for name, job in yaml.safe_load(path.read_text("utf-8"))["jobs"].items():
        assert job["runs-on"] == "ubuntu-latest", name
        assert not {"services", "container"} & set(job), f"{name}: act would leave these out"
        used: list[str] = []
        for step in job["steps"]:
            run = step.get("run", "")
            assert "astral-sh/setup-uv" in used or not re.search(r"\buvx?\b|\.py\b", run), name
            needed = {"issues": "write"} if re.search(r"\bgh (issue|label)\b", run) else {}
            needed |= {"pages": "read"} if re.search(r"\bgh api\b.*/pages\b", run) else {}
            action, _, version = step.get("uses", "").partition("@")
            if action:
                used.append(action)
                known = yaml.safe_load((STAND_INS / action / "action.yml").read_text("utf-8"))
                assert set(step.get("with", {})) <= set(known["inputs"]), action
                required = {key for key, value in known["inputs"].items() if value.get("required")}
                assert required <= set(step.get("with", {})), action
                found[f"{action}@{version}"] = STAND_INS / action
            if action == "actions/deploy-pages":
                assert job["environment"]["name"] == "github-pages", name
            for right, level in {**needed, **NEEDED.get(action, {})}.items():
                assert job["permissions"].get(right) in (level, "write"), (name, right)
    return found


def run(
    origin: Path,
    name: str,
    event: str,
    secrets: dict[str, str],
    folder: Path,
    open_issue: str | None = None,
    pages: str | None = None,
) -> Outcome:
    """Run a workflow of the main branch.

    Parameters
    ----------
    origin : Path
        The bare repository that the jobs check out and push to.
    name : str
        The workflow's file name.
    event : str
        Such as `schedule`.
    secrets : dict of str to str
        Secrets of the repository.
    folder : Path
        Empty; for what the steps and their stand-ins write.
    open_issue : str, optional
        The number that `gh issue list` gives.
    pages : str, optional
        What builds the site of GitHub Pages, `workflow` or `legacy`; it is switched off unless given.
    """
    home, bin_ = folder / "home", folder / "bin"
    home.mkdir(parents=True)
    repository = folder / "repository"
    git(folder, "clone", "--quiet", str(origin), str(repository))
    path = repository / ".github" / "workflows" / name
    bin_.mkdir()
    shutil.copy(STAND_INS / "gh", bin_)
    if open_issue:
        (folder / "open-issue").write_text(open_issue)
    if pages:
        (folder / "pages").write_text(pages)
    uv = shutil.which(os.environ.get("UV", "uv")) or ""
    for program in ("uv", "uvx"):  # which are not on every machine's path
        (bin_ / program).symlink_to(Path(uv).parent / program)
    given = {
        "STAND_INS_FOLDER": str(folder),
        "STAND_INS_ORIGIN": str(origin),
        "STAND_INS_MAY_CHANGE_WORKFLOWS": WITH_WORKFLOWS,
        "UV_PROJECT_ENVIRONMENT": str(folder.parent / "workflow-environment"),
        "UV_CACHE_DIR": subprocess.check_output([uv, "cache", "dir"], text=True).strip(),
        "PATH": os.pathsep.join([str(bin_), os.environ["PATH"]]),
        **wheels(),
    }
    command = [str(Path(sys.executable).parent / "act"), event, "--workflows", str(path), "--json"]
    command += [
        "--no-cache-server",
        "--action-offline-mode",
        "--no-skip-checkout",
        "--platform",
        "ubuntu-latest=-self-hosted",
    ]
    command += ["--action-cache-path", str(folder / "actions"), "--secret", "GITHUB_TOKEN=a-token"]
    for action, place in replaced(path).items():
        command += ["--local-repository", f"{action}={place}"]
    for option, values in (("--env", given), ("--secret", secrets)):
        for key, value in values.items():
            command += [option, f"{key}={value}"]
    done = subprocess.run(
        command,
        cwd=repository,
        env=clean_environment(HOME=str(home), **given),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    outcome = Outcome(folder=folder)
    lines = []
    for line in done.stdout.splitlines():
        entry = json.loads(line) if line.startswith("{") else {"msg": line}
        lines.append(entry.get("msg", "").rstrip())
        if "jobResult" in entry:
            outcome.jobs[entry["jobID"]] = entry["jobResult"]
    outcome.log = "\n".join([*lines, done.stderr])
    if (folder / "gh.jsonl").exists():
        calls = (folder / "gh.jsonl").read_text("utf-8").splitlines()
        outcome.calls = [json.loads(call) for call in calls]
    return outcome
