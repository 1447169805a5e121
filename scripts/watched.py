"""Which source files a DVC stage must depend on: all that its module imports, and no others."""

import ast
from pathlib import Path


def modules_of(package: Path) -> dict[str, Path]:
    """Return the modules of a package by dotted name."""
    found = {}
    for path in package.rglob("*.py"):
        parts = path.relative_to(package.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, modules: dict[str, Path]) -> set[str]:
    """Return the modules of the same package that a module imports, inside functions too."""
    path = modules[name]
    base = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        stem = [*base[: len(base) - node.level + 1], *(node.module or "").split(".")]
        parent = ".".join(filter(None, stem))
        for alias in node.names:
            full = f"{parent}.{alias.name}"
            found.add(full if full in modules else parent)
    return found & set(modules)


def closure(start: str, modules: dict[str, Path]) -> set[str]:
    """Return a module, all it imports directly or not, and the packages they lie in."""
    seen: set[str] = set()
    to_do = [start]
    while to_do:
        name = to_do.pop()
        if name in seen:
            continue
        seen.add(name)
        to_do += imported(name, modules)
        if parent := name.rpartition(".")[0]:
            to_do.append(parent)
    return seen


def watched(package: Path, stage: str) -> list[str]:
    """Return the paths, relative to `src`, that the stage of this name depends on.

    A folder stands for all of its files where the stage needs every one of them. Data files count
    when a file beside them, or above, names them or, as `*.ending`, all of their kind.
    """
    modules = modules_of(package)
    files = {modules[name] for name in closure(f"{package.name}.{stage}", modules)}
    to_do = list(files)
    while to_do:
        path = to_do.pop()
        text = path.read_text("utf-8")
        for other in path.parent.rglob("*"):
            # The toolkit's page is for people; a document of the project may have the same name.
            is_data = other.suffix not in (".py", ".pyc") and other.name != "README.md"
            is_data = is_data and other.is_file()
            is_named = other.name in text or f"*{other.suffix}`" in text
            if is_data and is_named and other not in files:
                files.add(other)
                to_do.append(other)
    return sorted(_covered(package, files, package.parent))


def _covered(folder: Path, files: set[Path], source: Path) -> list[str]:
    inside = [p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts]
    if all(path in files for path in inside):
        return [folder.relative_to(source).as_posix()]
    found = [p.relative_to(source).as_posix() for p in files if p.parent == folder]
    for child in folder.iterdir():
        if child.is_dir() and any(path.is_relative_to(child) for path in files):
            found += _covered(child, files, source)
    return found
