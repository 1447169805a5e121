"""Items of `check` on what the owner alone can say: who made it, in which words, what must not break."""

import ast
import re
from collections.abc import Callable
from contextlib import suppress

from ..evaluation.display import plural
from . import own_words, release
from .look import Judge, Look, need

# What the template's questions offer when nobody answers them.
PLACEHOLDERS = (
    "My project",
    "A machine-learning project that goes from raw data to a served, explained model.",
    "Your Name",
    "you@example.com",
    "your-github-name",
)
MAIL = re.compile(r"[^@\s]+@(?!example\.)[^@\s]+\.\w{2,}")


def introduced(at: Look) -> str:
    """Name, author and purpose are the owner's."""
    project = at.pyproject
    author: dict[str, str] = next(iter(project.get("authors") or []), {})
    sources = [at.text(release.ANSWERS), at.text("LICENSE"), at.project.name, str(project)]
    told = " ".join(" ".join(sources).lower().split())
    left = [f"“{each}”" for each in PLACEHOLDERS if each.lower() in told]
    if len(own_words.WORD.findall(project.get("description", ""))) < own_words.SHORTEST:
        left.append("the description, which is no sentence")
    if len(author.get("name", "")) < 2 or not MAIL.fullmatch(author.get("email", "")):
        left.append("the author's name and address")
    need(not left, f"Answer the questions again, so that every file follows: {'; '.join(left)}.")
    return f"{author['name']}: {project['description']}"


def in_words(*names: str) -> Callable[[Look], str]:
    """These documents hold their owner's sentences where they ask for them."""

    def look(at: Look) -> str:
        for name in names:
            need(
                at.text(name), f"{name} is not there; a run begins it.", "uv run {slug} run --force"
            )
        left = [f"{name}: {each}" for name in names for each in at.lacking[name]]
        more = f" ({len(left) - 1} more after that)" if left[1:] else ""
        need(not left, f"{(left or [''])[0]}{more}", f"edit {(left or [''])[0].partition(':')[0]}")
        return Judge(
            "every section has sentences of its own; whether they convince, a reader knows"
        )

    return look


def tested(at: Look) -> str:
    """There are tests that can fail."""
    count = 0
    for path in (at.root / "tests").rglob("test_*.py"):
        with suppress(SyntaxError):
            count += sum(map(_asserts, ast.walk(ast.parse(path.read_bytes()))))
    need(count, "No test asserts anything. Write one for what you would least like to break.")
    return f"{plural(count, 'test')} assert something"


def licensed(at: Look) -> str:
    """Others may read and use the code."""
    texts = [path.read_text("utf-8", errors="replace") for path in at.root.glob("LICEN[CS]E*")]
    long = any(len(text.split()) > 100 for text in texts)
    need(long, "LICENSE does not hold the text of a licence.")
    return str(at.pyproject.get("license", ""))


def _asserts(node: ast.AST) -> bool:
    """Whether a piece of code is a test that can fail: it asserts what is not a constant."""
    return (
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test")
        and any(
            (isinstance(each, ast.Assert) and not isinstance(each.test, ast.Constant))
            or (isinstance(each, ast.Attribute) and each.attr in ("raises", "fail"))
            for each in ast.walk(node)
        )
    )
