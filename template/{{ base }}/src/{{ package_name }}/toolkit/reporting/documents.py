"""Sections written once in Markdown, and the documents made of them.

A section is a template with any of these: `heading`; `said()`, its sentences, paragraphs separated by
a blank line; `shown()`, the tables and figures that prove them; `tile()`, a number for the top of the
page; `warns`, whether the sentences are a warning. README, model card and decision records take the
Markdown as it is, the page turns it into HTML, so that no sentence is written twice.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

from jinja2 import (
    ChainableUndefined,
    ChoiceLoader,
    DictLoader,
    Environment,
    FileSystemLoader,
    TemplateNotFound,
    Undefined,
)
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markupsafe import Markup

from ..evaluation import display
from ..evaluation.verdicts import clearly_worse, still_rising
from ..markdown import blocks
from ..markdown.markdown import escape
from ..project.errors import UserError
from ..project.files import write_text
from ..project.settings import Project
from .run import Run

HERE = Path(__file__).parent
# A folder a subject; a role has those of its subjects: `*.j2`, named as in report.py.
SECTIONS = sorted(HERE.glob("sections/*"))
FRAME = ("page.html.j2", "page.css")
# The documents to begin with, as `*.md`: they hold the markers of the blocks.
SKELETONS = HERE / "skeletons"
# A line of prose that begins like this would be a list, or make the line above a heading.
LIST_MARK = re.compile(r"^(\d*)([-+=.)])(?=\s|$)")


@dataclass(frozen=True)
class Points:
    """What some sections say, as a list, without their tables and figures."""

    names: tuple[str, ...]
    only_warnings: bool = False


def points(*names: str) -> Points:
    """What these sections say, as a list."""
    return Points(names)


def warnings(*names: str) -> Points:
    """The same, of those sections only that have something to warn of."""
    return Points(names, only_warnings=True)


# A name stands for the whole section.
Story = Sequence[str | Points]


class Writer:
    """Writes sections of one run.

    Parameters
    ----------
    run : Run
    own : mapping of str to str
        Templates of the owner, by name.
    *folders : Path
        Those of the SVG files that `evaluate` drew, below reports/.
    """

    def __init__(self, run: Run, own: Mapping[str, str], *folders: Path) -> None:
        self.run = run
        self.tables = 0
        self._sections: dict[str, Any] = {}
        # With what other commands than `evaluate` leave beside the folders.
        places = dict.fromkeys([*folders, *(folder.parent for folder in folders)])
        drawn = [path for folder in places for path in folder.glob("*.svg")]
        self.figures = {path.stem: path.read_text("utf-8") for path in drawn}
        self.places = {path.stem: path.parent.name for path in drawn}
        self.environment = Environment(
            loader=ChoiceLoader(
                [
                    DictLoader({f"{name}.j2": text for name, text in own.items()}),
                    FileSystemLoader(SECTIONS),
                ]
            ),
            # A measurement may be missing, and its sentence then is; half a sentence is an error.
            undefined=ChainableUndefined,
            autoescape=True,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.filters |= {name: _lenient(use) for name, use in FILTERS.items()}
        self.environment.tests["clearly_worse"] = clearly_worse
        self.context = {
            "run": run,
            "data": run.data,
            "ladder": run.ladder,
            "metrics": run.metrics,
            "metadata": run.metadata,
            "figure": self._figure,
            "still_rising": still_rising,
        }

    def _figure(self, name: str, alt: str = "") -> Markup:
        if name not in self.figures:
            return Markup()
        alt = escape(alt or name.replace("_", " "))
        return _made(f"![{alt}](reports/{self.places[name]}/{name}.png)")

    def section(self, name: str) -> Any:
        """A section's parts, as attributes.

        Raises
        ------
        UserError
            If no template has this name.
        """
        if name in self._sections:
            return self._sections[name]
        try:
            template = self.environment.get_template(f"{name}.j2")
        except TemplateNotFound as error:
            known = ", ".join(
                name.removesuffix(".j2") for name in self.environment.list_templates()
            )
            raise UserError(f"report.py: no section is called `{name}`. Known: {known}.") from error
        return self._sections.setdefault(name, template.make_module(self.context))

    def said(self, name: str) -> list[str]:
        """A section's sentences, paragraph by paragraph."""
        text = _part(self.section(name), "said")
        found = (" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", text))
        return [LIST_MARK.sub(r"\1\\\2", paragraph) for paragraph in found if paragraph]

    def tile(self, name: str) -> list[str]:
        """The lines of a section's tile: what it is, its value, what to compare it with."""
        lines = (line.strip() for line in _part(self.section(name), "tile").splitlines())
        return [line for line in lines if line]

    def markdown(self, story: Story, headings: bool = False) -> str:
        """Write sections one after the other.

        Without headings, what is said above a table or figure is set in bold.
        """
        text = "\n\n".join(part for entry in story for part in self._parts(entry, headings))
        return re.sub(r"^(- .*)\n(?=\n- )", r"\1", text, flags=re.MULTILINE)  # one list, not two

    def _parts(self, entry: str | Points, headings: bool) -> Iterator[str]:
        if isinstance(entry, Points):
            names = [
                name
                for name in entry.names
                if not entry.only_warnings or getattr(self.section(name), "warns", False)
            ]
            listed = dict.fromkeys(text for name in names for text in self.said(name))
            if listed:
                yield "\n".join(f"- {text}" for text in listed)
            return
        section, said = self.section(entry), self.said(entry)
        lines = [line.strip() for line in _part(section, "shown").strip().splitlines()]
        shown = re.sub(r"\n{3,}", "\n\n", "\n".join(lines))
        heading = getattr(section, "heading", "")
        if headings and heading and (said or shown):
            yield f"### {heading}"
        yield from (f"**{text}**" if shown and not headings else text for text in said)
        if shown:
            yield shown

    def html(self, story: Story) -> Markup:
        """Write sections as HTML, with the figures inside."""
        return _made(self._to_html(self.markdown(story, headings=True)))

    def _to_html(self, text: str, inline: bool = False) -> str:
        parser = MarkdownIt("commonmark", {"html": False}).enable("table")

        def image(tokens: Any, index: int, options: Any, env: Any) -> str:
            name = Path(str(tokens[index].attrs["src"])).stem
            alt = Markup.escape(tokens[index].content)
            return f'<span class="figure" id="figure-{name}" role="img" aria-label="{alt}">{self.figures[name]}</span>'

        def words(tokens: Any, index: int, options: Any, env: Any) -> str:
            # Long names may break after dots and underscores, hashes anywhere; words never.
            return re.sub(
                r"[\w./]{22,}",
                lambda name: re.sub(
                    r"[._/](?=\w)|[0-9a-f]{16}(?=[0-9a-f])", r"\g<0><wbr>", name[0]
                ),
                escapeHtml(tokens[index].content),
            )

        parser.renderer.rules["image"] = image  # type: ignore[attr-defined]
        parser.renderer.rules["text"] = words  # type: ignore[attr-defined]
        if inline:
            return str(parser.renderInline(text))
        page = str(parser.render(text))
        # A wide table scrolls in a region that the keyboard reaches; each has a name of its own.
        page = re.sub("<table>", self._region, page).replace("</table>", "</table></div>")
        # A heading of the fifth level folds the table below it away.
        return re.sub(
            r'<h5>(.*?)</h5>\s*(<div class="scroll".*?</div>)',
            r"<details><summary>\1</summary>\2</details>",
            page,
            flags=re.DOTALL,
        )

    def _region(self, _: re.Match[str]) -> str:
        self.tables += 1
        return f'<div class="scroll" tabindex="0" role="region" aria-label="Table {self.tables}"><table>'

    def page(self, chapters: Mapping[str, Story], tiles: Sequence[str]) -> str:
        """Write the report page: self-contained HTML, every value escaped.

        Parameters
        ----------
        chapters : mapping of str to sequence
            By title; the one without a title stands at the top, and those without content are left
            out.
        tiles : sequence of str
            Sections whose number stands at the top.
        """
        found = {title: self.html(story) for title, story in chapters.items()}
        environment = Environment(
            loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        lines = ([self._to_html(line, inline=True) for line in self.tile(name)] for name in tiles)
        return environment.get_template(FRAME[0]).render(
            run=self.run,
            top=found.pop("", ""),
            tiles=[tile for tile in lines if tile],
            chapters={title: content for title, content in found.items() if content.strip()},
            css=FRAME[1],
        )


def write(
    project: Project,
    writer: Writer,
    page: str,
    documents: Mapping[str, Mapping[str, Story]],
) -> dict[str, str]:
    """Write the page, and refresh the generated blocks of the other documents.

    Parameters
    ----------
    project : Project
    writer : Writer
    page : str
        HTML.
    documents : mapping of str to mapping
        By path, relative to the project: what stands in which block. A document that is not there is
        begun if there is a skeleton of its name.

    Returns
    -------
    dict
        `report`: where the page lies.

    Raises
    ------
    UserError
        If a document's markers are damaged; the others are written all the same.
    """
    place = project.root / "reports" / "report.html"
    write_text(place, page)
    problems = []
    for name, content in documents.items():
        skeleton = SKELETONS / Path(name).name
        to_root = "../" * name.count("/")
        try:
            blocks.refresh(
                project.root / name,
                {
                    block: writer.markdown(story).replace("](reports/", f"]({to_root}reports/")
                    for block, story in content.items()
                },
                skeleton.read_text("utf-8") if skeleton.is_file() else None,
            )
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    return {"report": str(place)}


def _part(section: Any, name: str) -> str:
    macro = getattr(section, name, None)
    return str(macro()) if macro else ""


def _made(text: str) -> Markup:
    """What was escaped where it was made."""
    return Markup(text)  # noqa: S704


def _shown(value: Any) -> Any:
    """Escape a value for Markdown; what a macro made is Markdown already."""
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()
    return value if hasattr(value, "__html__") else _made(escape(value))


def _lenient(use: Any) -> Any:
    """A filter for which a missing value is None."""

    def lenient(value: Any, *arguments: Any) -> Any:
        return use(None if isinstance(value, Undefined) else value, *arguments)

    return lenient


def _bold(value: Any, marked: bool = True) -> Any:
    return _made(f"**{escape(value)}**") if marked and value != "" else value


def _ci(bounds: Any, name: str, resampled: str) -> str:
    parts = filter(None, [f"95% CI {display.interval(bounds, name)}", resampled])
    return f"({', '.join(parts)})" if bounds else ""


FILTERS: dict[str, Any] = {
    "bold": _bold,
    "brief": display.brief,
    "cell": display.cell,
    "ci": lambda bounds, name="", resampled="": _ci(bounds, name, resampled),
    "code": lambda text: _made(f"`{text}`"),
    "day": display.day,
    "label": display.metric_label,
    "listing": lambda names, limit=6: display.listing(list(names), limit),
    "lowered": display.lowered,
    "money": display.money,
    "money_span": display.money_interval,
    "number": display.number,
    "percent": display.percent,
    "plural": display.plural,
    "same_metric": display.names_of,
    "score": lambda value, name: display.score(name, value),
    "sentence": display.sentence,
    "signed": display.signed,
    "signed_span": display.signed_interval,
    "span": display.interval,
    "typed": lambda body: _made(
        quote(json.dumps(body, ensure_ascii=False).replace("<", "\\u003c"))
    ),
    "verbatim": lambda text: _made(str(text)),
    "warning": display.warning,
}
