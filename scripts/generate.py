"""Write what follows from something else: `uv run scripts/generate.py`, after a change to
`copier.yml` or to a role's dependencies. The tests fail while any of it is out of date.

- `cookiecutter.json` asks what `copier.yml` asks;
- a stage of `dvc.yaml` depends on the modules that it imports;
- the toolkit's page has a line for each module, and its `digests.json` what each file is known by;
- `requirements/serving.txt` of a role is what its image installs, with hashes;
- `reserved.jinja` has the names a project may not have.
"""

import itertools
import json
import keyword
import os
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import copier
import yaml
from toolkit_pages import digests, merged, page
from watched import watched

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "copier.yml"
PACKAGE = Path("src", "{{ package_name }}")
DIGESTS = ROOT / "template" / "{{ base }}" / PACKAGE / "toolkit" / "digests.json"
RESERVED = ROOT / "reserved.jinja"
IMPORT = '{%- from "reserved.jinja" import reserved_names -%}'
EXPORT = (
    "export",
    "--quiet",
    "--no-default-groups",
    "--no-emit-project",
    "--no-header",
    "--no-annotate",
)
# Stages that are not called as the module that does them.
MODULES = {"register": "gate"}
# Folders that tools and systems take to be something else.
FOLDERS = "tests docs src build dist con nul aux prn mlstart"
# Standard modules newer than the Python this runs on.
NEWER = "annotationlib compression"


def questions() -> dict[str, dict]:
    """Return the questions of `copier.yml` by name, without Copier's own settings."""
    everything = yaml.safe_load(QUESTIONS.read_text("utf-8"))
    return {name: value for name, value in everything.items() if not name.startswith("_")}


def roles() -> list[str]:
    """Return the roles one can choose."""
    return list(questions()["role"]["choices"].values())


def cookiecutter_json() -> str:
    """Return the text of `cookiecutter.json`."""
    asked = questions()
    content: dict[str, object] = {}
    prompts: dict[str, object] = {}
    for name, question in asked.items():
        if question.get("when") is False:
            continue
        if "choices" in question:
            labels = {value: label for label, value in question["choices"].items()}
            first = question["default"]
            content[name] = [first, *(value for value in labels if value != first)]
            prompts[name] = {"__prompt__": question["help"], **labels}
        else:
            content[name] = question["default"]
            prompts[name] = question["help"]
    slug = asked["slug"]["default"].removeprefix(IMPORT).strip()
    slug = re.sub(r"\bproject_name\b", "cookiecutter.project_name", slug)
    slug = re.sub(r"\breserved_names\b", "cookiecutter._reserved_names", slug)
    content["_reserved_names"] = " ".join(reserved_names())
    content["__slug"] = slug
    content["__prompts__"] = prompts
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def render(role: str, folder: Path) -> None:
    """Render a role's default project from the working tree into `folder`."""
    copier.run_copy(
        str(ROOT),
        folder,
        data={"role": role},
        defaults=True,
        quiet=True,
        overwrite=True,
        vcs_ref="HEAD",
    )


def uv(folder: Path, *arguments: str) -> str:
    """Run uv in a project's folder and return what it printed."""
    own = ("VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT")
    environment = {name: value for name, value in os.environ.items() if name not in own}
    command = [os.environ.get("UV", "uv"), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def serving_requirements(role: str) -> Path:
    """Return where a role keeps what its image installs: in the first room of a role that it has."""
    room = next(room for room in roles() if f"'{role}'" in questions()[room]["default"])
    return ROOT / "template" / f"{{{{ {room} }}}}" / "requirements" / "serving.txt"


def pipeline(role: str) -> Path:
    """Return the pipeline that a role's projects get: in the first room of theirs that has one."""
    rooms = [room for room in roles() if f"'{role}'" in questions()[room]["default"]]
    files = [ROOT / "template" / f"{{{{ {room} }}}}" / "dvc.yaml.jinja" for room in rooms]
    return next(file for file in files if file.exists())


def with_watched(text: str, renders: dict[str, Path]) -> str:
    """Return a pipeline in which each stage depends on the modules it imports.

    Parameters
    ----------
    text : str
        The content of a `dvc.yaml.jinja`.
    renders : dict of str to Path
        Projects of the roles that share it; what only one of them imports is put behind its name.
    """

    def stage(found: re.Match[str]) -> str:
        needed = {
            role: watched(
                next((render / "src").glob("*/")), MODULES.get(found["name"], found["name"])
            )
            for role, render in renders.items()
        }
        first, *others = needed

        def condition(path: str) -> str:
            having = [role for role, paths in needed.items() if path in paths]
            return "" if having == list(needed) else f"{'not ' * (first in having)}{others[0]}"

        paths = sorted({path for paths in needed.values() for path in paths})
        lines = []
        for wanted, group in itertools.groupby(paths, condition):
            inner = [path.partition("/")[2] for path in group]
            block = "".join(f"      - src/{{{{ package_name }}}}/{name}\n" for name in inner)
            lines.append(f"{{%- if {wanted} %}}\n{block}{{%- endif %}}\n" if wanted else block)
        return found["before"] + "".join(lines)

    pattern = (
        r"(?P<before>^  (?P<name>data|train|evaluate|report|register):\n(?:    .*\n|      (?!- src/).*\n)*?"
        r"    deps:\n(?:      (?!- src/).*\n)*)"
        r"(?:      - src/.*\n|\{%-.*%\}\n)+"
    )
    return re.sub(pattern, stage, text, flags=re.MULTILINE)


def names_of(lock: Path, python: Path) -> set[str]:
    """Return the distributions of a project's lock file and the modules its environment has."""
    script = "from importlib.metadata import packages_distributions as f; print(*f())"
    modules = subprocess.check_output([python, "-c", script], text=True).split()
    distributions = re.findall(r'^name = "([^"]+)"', lock.read_text("utf-8"), re.MULTILINE)
    return {*distributions, *modules} - {"my-project", "my_project"}


def reserved(installed: set[str]) -> list[str]:
    """Return the slugs that a project may not have, in order."""
    names = {
        *keyword.kwlist,
        *keyword.softkwlist,
        *sys.stdlib_module_names,
        *f"{FOLDERS} {NEWER}".split(),
    }
    slugs = (name.lower().replace("_", "-").replace(".", "-") for name in names | installed)
    return sorted({slug for slug in slugs if re.fullmatch(r"[a-z][a-z0-9-]{0,39}", slug)} | {"ml"})


def reserved_names() -> list[str]:
    """Return the names that `reserved.jinja` has."""
    found = re.search(r'"([^"]*)"', RESERVED.read_text("utf-8"))
    assert found is not None
    return found[1].split()


def write_reserved(names: list[str]) -> None:
    """Put the names where the question about the slug finds them."""
    lines = textwrap.wrap(" ".join(names), 96, break_on_hyphens=False, break_long_words=False)
    said = "{#- Written by scripts/generate.py: keywords, the standard library, and all that a project installs. -#}"
    text = "\n".join([said, '{% set reserved_names = "', *lines, '" %}', ""])
    RESERVED.write_text(text, "utf-8")


def pipelines() -> dict[Path, list[str]]:
    """Return the files that hold stages, each with the roles whose projects get them."""
    files: dict[Path, list[str]] = {}
    for role in roles():
        files.setdefault(pipeline(role), []).append(role)
        own = ROOT / "template" / f"{{{{ {role} }}}}" / "_words" / "dvc.yaml.jinja"
        if own.exists():
            files[own] = [role]
    return files


def toolkit_pages(renders: dict[str, Path]) -> dict[Path, str]:
    """Return the page on the toolkit that each role's projects get, by the file that holds it."""
    pages = {}
    for room in roles():
        sharing = [role for role in roles() if pipeline(role).parent.name == f"{{{{ {room} }}}}"]
        if sharing:
            folder = ROOT / "template" / f"{{{{ {room} }}}}" / PACKAGE / "toolkit"
            found = {role: page(toolkit_of(renders[role])) for role in sharing}
            pages[folder / "README.md.jinja"] = merged(found)
    return pages


def toolkit_of(render: Path) -> Path:
    """Return the toolkit of a rendered project."""
    return next((render / "src").glob("*/toolkit"))


def write_sources(renders: dict[str, Path]) -> None:
    """Write what follows from the source alone: DVC's lists, the toolkit's pages and its digests.

    Parameters
    ----------
    renders : dict of str to Path
        Folders in which each role's default project is left.
    """
    for role, project in renders.items():
        render(role, project)
    for file, those in pipelines().items():
        text = file.read_text("utf-8")
        file.write_text(with_watched(text, {role: renders[role] for role in those}), "utf-8")
    for file, text in toolkit_pages(renders).items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    for role, project in renders.items():
        render(role, project)  # with the pages, which have digests too
    DIGESTS.write_text(digests([toolkit_of(project) for project in renders.values()]), "utf-8")


def main() -> None:
    installed: set[str] = set()
    with tempfile.TemporaryDirectory() as temporary:
        renders = {role: Path(temporary) / role / "my-project" for role in roles()}
        write_sources(renders)
        for role, project in renders.items():
            uv(project, "sync", "--quiet", "--all-extras")
            python = project / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
            installed |= names_of(project / "uv.lock", python)
            target = serving_requirements(role)
            target.parent.mkdir(exist_ok=True)
            target.write_text(uv(project, *EXPORT), "utf-8")
    write_reserved(reserved(installed))
    (ROOT / "cookiecutter.json").write_text(cookiecutter_json(), "utf-8")


if __name__ == "__main__":
    main()
