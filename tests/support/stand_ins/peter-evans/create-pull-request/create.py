"""The steps of the action and the rules of GitHub that a workflow may run into.

As the action does it: `git checkout -B` first, which an unmerged index refuses; commits that the workflow
made go along; no difference is no pull request. As GitHub does it: no commit that touches a workflow by a
token without that right, which the default token never has; bounds on title and text.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

WORKFLOWS = ".github/workflows"


def git(*arguments: str) -> str:
    identity = ("-c", "user.name=robot", "-c", "user.email=robot@example.com")
    done = subprocess.run(["git", *identity, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"The process 'git {' '.join(arguments)}' failed with exit code {done.returncode}")
    return done.stdout.strip()


inputs = json.loads(os.environ["INPUTS"])
folder, origin = Path(os.environ["STAND_INS_FOLDER"]), os.environ["STAND_INS_ORIGIN"]
token, branch = inputs["token"], inputs["branch"]
if not token:
    sys.exit("Input 'token' not supplied. Unable to continue.")
if not Path(inputs["body-path"]).is_file():
    sys.exit(f"File '{inputs['body-path']}' does not exist.")
body = Path(inputs["body-path"]).read_text("utf-8")
base = git("symbolic-ref", "--short", "HEAD")
git("checkout", "--quiet", "-B", "for-a-while", "HEAD", "--")
paths = [line.strip() for line in (inputs["add-paths"] or "").splitlines() if line.strip()]
if git("status", "--porcelain", "--", *paths):
    git("add", *(["--", *paths] if paths else ["--all"]))
    git("commit", "--quiet", "--message", inputs["commit-message"])
git("stash", "push", "--quiet", "--include-untracked")
git("checkout", "--quiet", base, "--")
git("reset", "--quiet", "--hard", f"origin/{base}")
if git("rev-list", "--count", f"{base}..for-a-while") == "0":
    print(f"Branch '{branch}' is not ahead of base '{base}' and will not be created")
    sys.exit()
touched = git("log", "--format=", "--name-only", f"{base}..for-a-while", "--", WORKFLOWS)
if touched and token != os.environ["STAND_INS_MAY_CHANGE_WORKFLOWS"]:
    sys.exit(
        f"! [remote rejected] {branch} (refusing to allow a GitHub App to create or update workflow "
        f"`{touched.splitlines()[0]}` without `workflows` permission)"
    )
git("push", "--quiet", "--force", origin, f"for-a-while:refs/heads/{branch}")
if len(inputs["title"]) > 256 or len(body) > 65536:
    sys.exit("Validation Failed: title or body is too long")
(folder / "pull-request-title").write_text(inputs["title"], "utf-8")
(folder / "pull-request-body").write_text(body, "utf-8")
