"""Words that are never right in what a project shows or says: templates, and strings of the source.

The list is of tokens, not of style: each is wrong wherever it stands in our own prose. Keys of JSON
files and code are not prose.
"""

import ast
import re

import pytest
from layers import ROOT

TEMPLATE = ROOT / "template"
NEVER = {
    r"\banew\b": "again, or retrained",
    r"\bno scorer\b": "not a scorer",
    r"\ba row which\b": "a row that",
    r"\bclimb(s|ed|ing)?\b": "compare, cross-validate",
    r"\brungs?\b": "candidate",
    r"\d %(?![\w(])": "95%",
    r"\b95% interval {": "95% CI",
    r"\bdealt\b": "permuted",
    r"\bset aside\b": "excluded",
    r"\b(un)?learnt\b": "learned, fitted, trained",
    r"\bas it should be\b": "leave it out",
    r"\bwould not do\b": "is not enough",
    r"\bRight are\b": "Accuracy is",
    r"\bKnows nothing of\b": "Ignores",
    r"“(True|False)”": "the label of the class",
    r"\bwithout a reason\b": "its false-alarm rate",
    r"\bwould have claimed\b": "would have reported",
}
TEXT = {".md", ".j2", ".html"}


def prose_files():
    """Files that are read as they are: Markdown, sections and pages."""
    for path in TEMPLATE.rglob("*"):
        kind = "".join(path.suffixes).removesuffix(".jinja")[-3:]
        is_prose = path.suffix in TEXT or kind == ".md" or "_words" in path.parts
        if path.is_file() and is_prose and not {"licenses", "__pycache__"} & set(path.parts):
            yield path


def strings(path):
    """The strings of a module that are sentences: not docstrings, keys or names."""
    text = path.read_text("utf-8")
    if path.suffix == ".jinja":
        text = re.sub(r"\{[%#].*?[%#]\}|\{\{.*?\}\}", "0", text)
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    skipped = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
        ) and " " in node.value.strip():
            yield node.lineno, node.value


def without_code(text):
    """Prose of a template: no Jinja, no code, no comments of ours."""
    text = re.sub(r"\{%.*?%\}|\{#.*?#\}|\{\{.*?\}\}", " ", text, flags=re.DOTALL)
    text = re.sub(r"<style>.*?</style>|<script.*?</script>|```.*?```", " ", text, flags=re.DOTALL)
    return re.sub(r"`[^`]*`", " ", text)


def faults(text):
    """The wrong words of a text."""
    for pattern, better in NEVER.items():
        if found := re.search(pattern, text, re.IGNORECASE):
            yield f"{found.group()!r}; write: {better}"


@pytest.mark.parametrize(
    "path", sorted(prose_files()), ids=lambda path: path.relative_to(TEMPLATE).as_posix()
)
def test_templates_have_no_word_that_is_never_right(path):
    text = without_code(path.read_text("utf-8"))
    assert list(faults(" ".join(text.split()))) == []


@pytest.mark.parametrize(
    "path",
    sorted({*TEMPLATE.glob("*/src/**/*.py"), *TEMPLATE.glob("*/src/**/*.py.jinja")}),
    ids=lambda path: path.relative_to(TEMPLATE).as_posix(),
)
def test_strings_have_no_word_that_is_never_right(path):
    found = [f"line {line}: {fault}" for line, text in strings(path) for fault in faults(text)]
    assert found == []
