"""A table as lines of text: each row says its heading and its columns' names, wherever it is cut."""

import re
from collections.abc import Callable, Sequence

from .tokenize import one_line

LONG = 12  # rows of two columns that are no longer a list of properties
_MARKDOWN = re.compile(
    r"^(?P<head>[ \t]*\|?[^\n]*\|[^\n]*)\n[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*$"
    r"(?P<body>(?:\n[ \t]*\|?[^\n]*\|[^\n]*)*)",
    re.M,
)
_GRID = re.compile(r"^(?P<indent>[ \t]*)\+-[-+]*-\+[ \t]*\n(?:[ \t]*[+|][^\n]*(?:\n|\Z))+", re.M)
_SIMPLE = re.compile(
    r"^(?P<rule>(?P<indent>[ \t]*)=+(?:[ \t]+=+)+)[ \t]*\n(?:[^\n]*\n)+?(?P=indent)=+(?:[ \t]+=+)+[ \t]*"
    r"(?:\n(?:[^\n]+\n)+?(?P=indent)=+(?:[ \t]+=+)+[ \t]*)?(?=\n[ \t]*(?:\n|\Z)|\Z)",
    re.M,
)
_DIRECTIVE = re.compile(
    r"^(?P<indent>[ \t]*)\.\. (?:list-table|csv-table)::[^\n]*(?:\n(?P=indent)[ \t]+[^\n]*|\n[ \t]*(?=\n))+",
    re.M,
)
_HEADING = re.compile(
    r"^#{1,6}[ \t]+(?P<atx>[^\n]+?)[ \t]*#*$|^(?P<setext>[^\s|][^\n]*)\n(?P<under>[=\-~^\"`*+])(?P=under){2,}[ \t]*$",
    re.M,
)
_FENCE = re.compile(r"^[ \t]*(```|~~~).*?^[ \t]*\1", re.M | re.S)
Rows = Sequence[Sequence[str]]


def as_lines(heading: str, header: Sequence[str] | None, body: Rows) -> list[str]:
    """One line for each row, `- Heading – column: cell; column: cell`.

    Parameters
    ----------
    heading : str
        What stands over the table; may be empty.
    header : sequence of str or None
        The columns' names. Without them a row of two cells is a property and its value.
    body : sequence of sequences of str
    """
    lines = []
    for row in body:
        cells = [one_line(cell) for cell in row]
        if header is not None:
            names = [one_line(name) for name in header] + [""] * len(cells)
            said = [
                f"{name}: {cell}" if name and name != cell else cell.rstrip(":")
                for name, cell in zip(names, cells, strict=False)
                if cell
            ]
        elif len(cells) == 2 and all(cells):
            said = [f"{cells[0].rstrip(':')}: {cells[1]}"]
        else:
            said = [cell for cell in cells if cell]
        if said:
            lines.append(f"- {heading} – {'; '.join(said)}" if heading else f"- {'; '.join(said)}")
    return lines


def first_is_header(rows: Rows) -> bool:
    """Whether the first row names the columns of a table that does not mark its header.

    Three columns have names. Two may be a list of properties: then the first row has a value as
    the others have.
    """
    if len(rows) < 2 or not all(cell.strip() for cell in rows[0][1:]):
        return False
    if max(map(len, rows)) > 2 or len(rows) > LONG:
        return True
    numeric = [any(map(str.isdigit, row[-1])) for row in rows]
    return not numeric[0] and sum(numeric[1:]) > len(numeric[1:]) / 2


def in_markdown(text: str) -> str:
    """Markdown with its tables as lines; what is in code fences stays."""

    def lines(match: re.Match[str], heading: str) -> list[str]:
        return as_lines(heading, _cells(match["head"]), map_cells(match["body"]))

    return _replaced(text, _MARKDOWN, lines)


def in_rst(text: str) -> str:
    """reStructuredText with its grid tables and simple tables as lines."""

    def lines(match: re.Match[str], heading: str) -> list[str] | None:
        from docutils.parsers.rst import tableparser
        from docutils.statemachine import StringList

        parser = (
            tableparser.GridTableParser() if match.re is _GRID else tableparser.SimpleTableParser()
        )
        rows = [
            line.removeprefix(match["indent"]).rstrip() for line in match[0].rstrip().split("\n")
        ]
        if match.re is _SIMPLE and rows[1].startswith(" "):  # docutils drops it without the mark
            rows[1] = f"\\{rows[1][1:]}"
        try:
            _, heads, body = parser.parse(StringList(rows))
        except tableparser.TableMarkupError:
            return None
        heads, body = _filled(heads), _filled(body)
        header = [" ".join(filter(None, names)) for names in zip(*heads, strict=True)] or None
        if header is None and first_is_header(body):
            header, body = body[0], body[1:]
        return as_lines(heading, header, body)

    for pattern, made in ((_DIRECTIVE, _of_directive), (_GRID, lines), (_SIMPLE, lines)):
        text = _replaced(text, pattern, made)
    return text


def _of_directive(match: re.Match[str], heading: str) -> list[str] | None:
    from docutils import nodes
    from docutils.core import publish_doctree

    # A document says which files are read and what is run nowhere.
    safe = {"report_level": 5, "file_insertion_enabled": False, "raw_enabled": False}
    block = "\n".join(line.removeprefix(match["indent"]) for line in match[0].split("\n"))
    table = next(iter(publish_doctree(block, settings_overrides=safe).findall(nodes.table)), None)
    if table is None:
        return None
    title = next(iter(table.findall(nodes.title)), None)
    head = next((each for each in table.findall(nodes.thead)), None)
    rows = [[cell.astext() for cell in row.children] for row in table.findall(nodes.row)]
    named = head is not None or first_is_header(rows)
    above = title.astext() if title is not None else heading
    return as_lines(above, rows[0] if named else None, rows[1:] if named else rows)


def _filled(rows: Sequence[Sequence[object]]) -> list[list[str]]:
    """The text of docutils' cells; one that spans rows or columns is repeated."""
    filled: list[list[str]] = []
    spans: dict[tuple[int, int], str] = {}
    for number, row in enumerate(rows):
        texts = []
        for column, cell in enumerate(row):
            if cell is None:
                texts.append(spans.get((number, column), ""))
                continue
            more_rows, more_columns, _, lines = cell  # type: ignore[misc]
            text = one_line(" ".join(lines)).removeprefix("\\")  # type: ignore[has-type]
            texts.append(text)
            for down in range(more_rows + 1):  # type: ignore[has-type]
                for right in range(more_columns + 1):  # type: ignore[has-type]
                    spans[number + down, column + right] = text if down else ""
        filled.append(texts)
    return filled


def map_cells(body: str) -> list[list[str]]:
    """The cells of the rows of a Markdown table."""
    return [_cells(line) for line in body.strip("\n").split("\n") if line.strip()]


def _cells(line: str) -> list[str]:
    inner = re.sub(r"^\||(?<!\\)\|$", "", line.strip())
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def _replaced(
    text: str,
    pattern: re.Pattern[str],
    lines: Callable[[re.Match[str], str], list[str] | None],
) -> str:
    fences = [match.span() for match in _FENCE.finditer(text)]
    parts, end = [], 0
    for match in pattern.finditer(text):
        if any(start <= match.start() < stop for start, stop in fences):
            continue
        heading = ""
        for found in _HEADING.finditer(text, 0, match.start()):
            heading = found["atx"] or found["setext"]
        new = lines(match, one_line(heading))
        if new is not None:
            parts += [text[end : match.start()], "\n", "\n".join(new), "\n"]
            end = match.end()
    return "".join([*parts, text[end:]])
