"""I answer the questions as I like, and the project is sound whatever I call it."""

import ast
import json
import keyword
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest
import yaml
from generate import questions
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from projects import ROOT, copy_template, render
from roles import ROLES

pytestmark = pytest.mark.quick

EVIL = """A "quoted" 'name' \\ {{ 7 * 7 }} {% raise %} {# gone? #} ${{ secrets.X }} # : - é 👩‍🔬 \u200fעברית"""
MARKUP = (
    "</title><script>alert(1)</script> <!-- results:start --> [a](b) **b** `c` | $x$ ~~d~~ &amp;"
)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template as a plain folder: no clone at every render."""
    return copy_template(tmp_path_factory.mktemp("plain"))


def test_the_questions_come_in_the_order_that_scripts_rely_on() -> None:
    asked = {name: q for name, q in questions().items() if q.get("when") is not False}
    assert list(asked) == [
        "project_name",
        "role",
        "description",
        "author_name",
        "author_email",
        "github_owner",
        "license",
        "deploy",
    ]
    for name, question in asked.items():
        assert question["help"], name
        assert question["default"], name
        assert "validator" in question or "choices" in question, name


def test_derived_answers_are_hidden_and_grouped_last() -> None:
    hidden = [q.get("when") is False for q in questions().values()]
    assert hidden == sorted(hidden)


printable = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"), exclude_characters="\ufeff"),
    min_size=1,
    max_size=80,
).filter(str.strip)


QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@settings(QUIET, max_examples=5)
@given(name=printable, description=printable, author=printable)
@example(name=EVIL, description=MARKUP, author=EVIL)
@example(name=MARKUP, description=EVIL, author=MARKUP)
@example(name="- 1. + = #", description="#", author="\\")
def test_any_printable_text_stays_data(
    plain: Path, name: str, description: str, author: str
) -> None:
    stays_data(plain, name, description, author)


@pytest.mark.long
@settings(QUIET, max_examples=200)
@given(name=printable, description=printable, author=printable)
def test_very_many_texts_stay_data(plain: Path, name: str, description: str, author: str) -> None:
    stays_data(plain, name, description, author)


def stays_data(plain: Path, name: str, description: str, author: str) -> None:
    """Rendered as `project_name`, `description` and `author_name`, texts stay what they are."""
    with tempfile.TemporaryDirectory() as temporary:
        project = render(
            plain,
            Path(temporary) / "p",
            project_name=name,
            description=description,
            author_name=author,
            deploy="huggingface",
        )
        files_are_valid(project)

        metadata = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
        assert metadata["description"] == description
        assert metadata["authors"][0]["name"] == author
        (package,) = (project / "src").iterdir()
        about = constants(package / "settings.py")
        assert (about["NAME"], about["DESCRIPTION"]) == (name, description)
        answers = yaml.safe_load((project / ".copier-answers.yml").read_text("utf-8"))
        assert answers["project_name"] == name
        assert f" {author}\n" in (project / "LICENSE").read_text("utf-8")
        title, first = shown(project / "README.md")
        assert title.split() == name.split()
        assert first.split() == description.split()
        assert (project / "README.md").read_text("utf-8").count("<!-- results:start -->") == 1
        space = (project / "deploy/huggingface/README.md").read_text("utf-8").split("---\n")[1]
        assert yaml.safe_load(space)["title"] == name


def constants(module: Path) -> dict[str, object]:
    """The plain values that a module gives names to."""
    return {
        ast.unparse(node.targets[0]): node.value.value
        for node in ast.parse(module.read_text("utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
    }


def files_are_valid(project: Path) -> None:
    for path in project.rglob("*"):
        if path.is_dir():
            continue
        text = path.read_text("utf-8") if path.suffix in PARSERS else ""
        if parser := PARSERS.get(path.suffix):
            parser(text)


PARSERS: dict[str, Callable[[str], object]] = {
    ".toml": tomllib.loads,
    ".yml": lambda text: list(yaml.safe_load_all(text)),
    ".yaml": lambda text: list(yaml.safe_load_all(text)),
    ".json": json.loads,
    ".py": ast.parse,
}


def shown(readme: Path) -> tuple[str, str]:
    """Return the title and the first paragraph as a reader sees them: text, no markup."""
    tokens = MarkdownIt("commonmark").parse(readme.read_text("utf-8"))
    assert [token.type for token in tokens[:4]] == [
        "heading_open",
        "inline",
        "heading_close",
        "paragraph_open",
    ]
    texts = []
    for token in (tokens[1], tokens[4]):
        assert {child.type for child in token.children or []} <= {"text", "text_special"}
        texts.append("".join(child.content for child in token.children or []))
    return texts[0], texts[1]


@pytest.mark.parametrize(
    ("answer", "value", "complaint"),
    [
        ("project_name", "", "project name is empty"),
        ("project_name", " \t ", "project name is empty"),
        ("project_name", "two\nlines", "project name holds a line break"),
        ("project_name", "bell\x07", "control character"),
        ("project_name", "line\u2028separator", "control character"),
        ("project_name", "x" * 201, "project name has 201 characters: at most 200"),
        ("description", "tab\there", "description holds"),
        ("author_name", "", "author name is empty"),
        ("author_email", "ada", '"ada" is not one'),
        ("author_email", "ada@example", "is not one"),
        ("author_email", "ada@example.com\n", "is not one"),
        ("author_email", "Ada <ada@example.com>", "is not one"),
        ("github_owner", "-ada", "is not an account name"),
        ("github_owner", "a/b", "is not an account name"),
        ("github_owner", "a" * 40, "is not an account name"),
        ("role", "poet", "poet"),
        ("license", "GPL-3.0", "GPL-3.0"),
        ("deploy", "mars", "mars"),
    ],
)
def test_a_wrong_answer_is_refused_by_name(
    plain: Path, tmp_path: Path, answer: str, value: str, complaint: str
) -> None:
    with pytest.raises(ValueError, match=answer) as refused:
        render(plain, tmp_path / "p", **{answer: value})
    assert complaint in str(refused.value)
    assert not (tmp_path / "p").exists()


def slug_of(name: str) -> str:
    """Compute the slug as Copier and Cookiecutter do: one Jinja expression."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(ROOT))
    return environment.from_string(questions()["slug"]["default"]).render(project_name=name)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My project", "my-project"),
        ("Flight delays (2013)!", "flight-delays-2013"),
        ("Café prédit l'été", "cafe-predit-l-ete"),
        ("2048 games", "project-2048-games"),
        ("Random", "random-project"),
        ("scikit_learn", "scikit-learn-project"),
        ("class", "class-project"),
        ("tests", "tests-project"),
        ("航班", "ml-project"),
        ("x" * 80, "x" * 40),
    ],
)
def test_the_package_is_named_after_the_project(name: str, slug: str) -> None:
    assert slug_of(name) == slug


@given(st.one_of(st.text(max_size=80), st.sampled_from(sorted(sys.stdlib_module_names))))
def test_the_package_name_is_always_one_python_can_import(name: str) -> None:
    package = slug_of(name).replace("-", "_")
    assert package.isidentifier()
    assert package.isascii()
    assert package == package.lower()
    assert not keyword.iskeyword(package)
    assert package not in sys.stdlib_module_names
    assert len(package) <= 50


def test_each_licence_is_the_one_asked_for(plain: Path, tmp_path: Path) -> None:
    for licence, words in {
        "MIT": "Permission is hereby granted, free of charge",
        "Apache-2.0": "Version 2.0, January 2004",
        "BSD-3-Clause": "Neither the name of the copyright holder",
    }.items():
        text = (render(plain, tmp_path / licence, license=licence) / "LICENSE").read_text("utf-8")
        assert words in text
        assert "Your Name" in text
        assert "20" not in text.partition("Your Name")[0][-20:]  # a year would change at updates


def test_copier_needs_no_trust() -> None:
    """No tasks, migrations or extensions: `copier copy` never asks for `--trust`."""
    settings = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & set(settings)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("a", "tabular"),
        ("My project", "cv"),
        (EVIL, "nlp"),
        *(("abcdefghi " * 4, r) for r in ROLES),
    ],
)
def test_the_code_is_formatted_whatever_the_name(
    plain: Path, tmp_path: Path, name: str, role: str
) -> None:
    """A longer package name makes longer lines; none of them crosses the formatter's limit."""
    project = render(plain, tmp_path / "p", project_name=name, description=MARKUP, role=role)
    for command in ("format --check", "check"):
        done = subprocess.run(
            ["ruff", *command.split(), "--no-cache", "."],
            cwd=project,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
