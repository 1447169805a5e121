"""Plain text into GitHub Markdown that shows it and does nothing else."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

_SPECIAL = re.compile(r"([\\`*\[\]|~$#])")
# Between letters an underscore is only an underscore; column names stay readable in the source.
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


@dataclass(frozen=True)
class Table:
    """A small table: `numeric` are the positions of the columns to align right.

    `marked` is the row to set apart, `flags` maps a row's position to a word such as `failed`.
    """

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()
    marked: int | None = None
    flags: dict[int, str] = field(default_factory=dict)


def escape(text: object) -> str:
    """Escape `text` for a line or a table cell of Markdown; line ends become spaces."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _SPECIAL.sub(r"\\\1", line)
    return _EMPHASIS.sub(r"\\_", line)


def bullets(sentences: Sequence[str]) -> str:
    """Write sentences as a list."""
    return "\n".join(f"- {escape(sentence)}" for sentence in sentences)


def paragraphs(*parts: str) -> str:
    """Join the parts that are not empty with a blank line between."""
    return "\n\n".join(part for part in parts if part)


def table(content: Table | None) -> str:
    """Write a GitHub table; the marked row is set in bold. Empty for None or no rows."""
    if content is None or not content.rows:
        return ""
    rule = ["---:" if i in content.numeric else "---" for i in range(len(content.headers))]
    lines = [_row(map(escape, content.headers)), _row(rule)]
    for position, row in enumerate(content.rows):
        cells = [escape(value) for value in row]
        if position == content.marked:
            cells = [f"**{value}**" if value else value for value in cells]
        lines.append(_row(cells))
    return "\n".join(lines)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
