"""A rendered project as a reader meets it: its modules, what they import, and how long they are."""

import ast
import io
import tokenize
from pathlib import Path

from watched import closure, modules_of

# Where a process begins: the commands, the service, and the stages that DVC calls through them.
ENTRIES = ("__main__", "cli", "api")
NO_CODE = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


def package(project: Path) -> Path:
    """The folder of the project's package."""
    (found,) = (path.parent for path in (project / "src").glob("*/cli.py"))
    return found


def own_modules(project: Path) -> list[Path]:
    """The owner's modules: all of the package that is not the toolkit."""
    folder = package(project)
    return [p for p in sorted(folder.rglob("*.py")) if "toolkit" not in p.relative_to(folder).parts]


def code_lines(path: Path) -> int:
    """Lines with code: no blanks, comments and docstrings."""
    text = path.read_text("utf-8")
    docs: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                docs |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    lines = {
        number
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in NO_CODE
        for number in range(token.start[0], token.end[0] + 1)
    }
    return len(lines - docs)


def unreached(project: Path) -> set[str]:
    """Files under `src` that no command and no service needs: modules, and data no module names."""
    folder = package(project)
    modules = modules_of(folder)
    reached = set[str]().union(*(closure(f"{folder.name}.{name}", modules) for name in ENTRIES))
    left = set(modules) - reached
    texts = "\n".join(path.read_text("utf-8") for path in modules.values())
    data = [p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".py", ".pyc")]
    named = {p.name for p in data if p.name in texts or p.parent.name in texts}
    return left | {p.relative_to(folder).as_posix() for p in data if p.name not in named}
