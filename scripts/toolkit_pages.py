"""What the template says of its toolkit: a page with a line per module, and what its files are known by."""

import ast
import importlib.util
import json
from pathlib import Path
from types import ModuleType

PAGE = """\
# The toolkit

The machinery under your project. It came with the template and `copier update` keeps it current; the
modules beside this folder are yours, call it, and decide everything that is a choice. It never imports
them. You need not read it to run, change or explain your project; when you do, a line for each module:
"""
SEEN = """
An edit here is allowed: `copier update` merges it, and `check` names the files that differ from the
release.
"""


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split())


def page(toolkit: Path) -> list[str]:
    """Return the lines of the page on the toolkit of a rendered project."""
    lines = PAGE.splitlines()
    for subject in sorted(path for path in toolkit.iterdir() if (path / "__init__.py").exists()):
        lines += ["", f"## {subject.name}", "", _first_line(subject / "__init__.py"), ""]
        for module in sorted(subject.rglob("*.py")):
            if module.name != "__init__.py":
                name = module.relative_to(subject).as_posix()
                lines.append(f"- `{name}`: {_first_line(module)}")
    return [*lines, *SEEN.splitlines()]


def merged(pages: dict[str, list[str]]) -> str:
    """Return one template for the pages of several roles, of which the last has all lines."""
    *others, last = pages
    shared = set(pages[others[0]]) if others else set(pages[last])
    text, inside = "", False
    for line in pages[last]:
        only = bool(line) and line not in shared
        if only != inside and line:
            text += f"{{%- if {last} %}}\n" if only else "{%- endif %}\n"
            inside = only
        text += f"{line}\n"
    return text + ("{%- endif %}\n" if inside else "")


def _release_module(toolkit: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("release", toolkit / "commands" / "release.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def digests(toolkits: list[Path]) -> str:
    """Return the content of `digests.json`: what each file of these toolkits is known by."""
    known = set()
    for toolkit in toolkits:
        release = _release_module(toolkit)
        known |= {release.digest(path, toolkit) for path in release.files(toolkit)}
    return json.dumps(sorted(known), indent=0) + "\n"
