"""Plain text into GitHub Markdown that shows it and does nothing else."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SPECIAL = re.compile(r"([\\`*\[\]|~$#])")
# Between letters an underscore is only an underscore; column names stay readable in the source.
_EMPHASIS = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


@dataclass(frozen=True)
class Table:
    """A small table: `numeric` are the positions of the columns to align right."""

    headers: Sequence[str]
    rows: Sequence[Sequence[str]]
    numeric: frozenset[int] = frozenset()


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
    """Write a GitHub table. Empty for None or no rows."""
    if content is None or not content.rows:
        return ""
    rule = ["---:" if i in content.numeric else "---" for i in range(len(content.headers))]
    return "\n".join(
        [_row(map(escape, content.headers)), _row(rule)]
        + [_row(map(escape, row)) for row in content.rows]
    )


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
