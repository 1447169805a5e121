"""Cookiecutter's front door: it asked the questions, Copier checks the answers and writes the project.

So both commands write the same bytes, and `copier update` works in either's project. The folder
Cookiecutter made holds one placeholder file, which Copier overwrites.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

# Answers are data: twice encoded, they cannot end the literal they stand in.
ANSWERS = json.loads({{ cookiecutter | tojson | tojson }})
# The same before Cookiecutter rendered them: it takes `key=value` for a Jinja template.
TYPED = json.loads({{ _cookiecutter | default(none) | tojson | tojson }})

URL = re.compile(r"^((git|hg)\+)?(git|ssh|file|https?):|^[\w.-]+@[\w.-]+:|^g[hl]:")
COPIER = "copier>=9.5"


def answers() -> dict:
    """Return the answers as they were typed, by question."""
    found = {}
    for name, value in ANSWERS.items():
        if name.startswith("_"):
            continue
        typed = TYPED.get(name)
        found[name] = typed if isinstance(typed, str) and was_rendered(typed, value) else value
    return found


def was_rendered(typed: str, value: str) -> bool:
    """Tell whether Cookiecutter made `value` by rendering `typed`, rather than by asking."""
    if typed == value or not any(mark in typed for mark in ("{" "{", "{" "%", "{" "#")):
        return False
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment().from_string(typed).render(cookiecutter=ANSWERS) == value


def source() -> str:
    """Return where the template is, as `copier update` will have to find it later."""
    template = ANSWERS["_template"]
    if template.lower().endswith(".zip"):
        sys.exit("mlstart: a zip file has no history to update from; give the git repository.")
    if URL.match(template):
        return template
    folders = (Path(os.environ.get("PWD", ".")), Path(ANSWERS["_output_dir"]))
    for folder in folders:
        found = (folder / ANSWERS["_repo_dir"]).resolve()
        if (found / "copier.yml").is_file():
            return str(found)
    sys.exit(f"mlstart: cannot tell where {template} is from here; give its absolute path.")


def copier(temporary: Path) -> list[str]:
    """Return the command that runs Copier, fetching it where it is not installed."""
    if importlib.util.find_spec("copier"):
        return [sys.executable, "-m", "copier"]
    print("mlstart: fetching Copier, which writes the project ...", flush=True)
    for runner in (["uvx", "--from", COPIER, "copier"], ["pipx", "run", "--spec", COPIER, "copier"]):
        if shutil.which(runner[0]) and quietly(*runner, "--version"):
            return runner
    python = temporary / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    venv.create(temporary / "venv", with_pip=True)
    if not quietly(str(python), "-m", "pip", "install", "--quiet", COPIER):
        sys.exit(f"mlstart: Copier writes the project: type `pip install '{COPIER}'`, then try again.")
    return [str(python), "-m", "copier"]


def quietly(*command: str) -> bool:
    """Run a command whose words would not help; tell whether it worked."""
    return subprocess.run(command, capture_output=True).returncode == 0


def main() -> None:
    here = Path.cwd()
    if "_checkout" not in ANSWERS:
        template = ANSWERS.get("_template", "gh:org/mlstart")
        sys.exit(
            f"mlstart: type `uvx copier copy {template} {here.name}`, and later `uvx copier update`, "
            "instead of cruft or a Cookiecutter before 2.6."
        )
    with tempfile.TemporaryDirectory() as temporary:
        data = Path(temporary) / "answers.json"
        # JSON with every character as itself is YAML too, which is what --data-file reads.
        data.write_text(json.dumps(answers(), ensure_ascii=False), encoding="utf-8")
        command = [*copier(Path(temporary)), "copy", "--defaults", "--overwrite", "--quiet"]
        if ANSWERS["_checkout"]:
            command += ["--vcs-ref", ANSWERS["_checkout"]]
        command += ["--data-file", str(data), source(), str(here)]
        # Not from inside the folder: Copier may replace what is in it.
        done = subprocess.run(command, cwd=temporary, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        sys.exit(f"mlstart: Copier did not write the project. {reason}")


main()
