"""The main content of an HTML page as Markdown, and what of the page is not of it."""

import re
from collections import Counter
from collections.abc import Iterator

from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.element import PreformattedString
from markdownify import MarkdownConverter

from .tables import as_lines, first_is_header
from .tokenize import one_line

NOT_SHOWN = ("script", "style", "noscript", "template", "head", "svg", "iframe", "object", "canvas")
# What surrounds the content of a page, and how a reader calls it.
AROUND = {
    "navigation": "nav, [role=navigation], [role=menu], [role=search]",
    "page header": "body > header, body > div > header, [role=banner]",
    "page footer": "footer, [role=contentinfo]",
    "aside": "aside, [role=complementary]",
    "form controls": "button, select, textarea, input, datalist",
    "hidden text": "[hidden], [aria-hidden=true], [style]",
}
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?!\.?\d)", re.I
)
_NOTE = re.compile(r"note|warn|tip|caution|hint|important|admonition|info", re.I)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
FEWEST_LINKS, LINK_SHARE = 3, 0.8  # a block of so many links that are most of it leads elsewhere
INLINE = [
    "a",
    "abbr",
    "b",
    "cite",
    "del",
    "em",
    "i",
    "img",
    "ins",
    "mark",
    "s",
    "small",
    "strong",
    "u",
]


Page = tuple[str, str, Counter[str], Counter[str]]


def read(soup: BeautifulSoup) -> Page:
    """The text of a page's main content.

    `main`, or the one `article`, is the content where there is one; else all of the body, but for
    blocks of links.

    Returns
    -------
    text, title : str
    left : Counter
        How many elements were left out, by what they are.
    characters : Counter
        And how many characters they have.
    """
    title = ""
    if soup.title:
        title = one_line(soup.title.extract().get_text())
    for comment in soup.find_all(string=lambda each: isinstance(each, PreformattedString)):
        comment.extract()
    for element in soup(NOT_SHOWN):
        element.decompose()
    left, characters = Counter[str](), Counter[str]()

    def leave(what: str, element: Tag) -> None:
        text = one_line(element.get_text(" "))
        if text:
            left[what] += 1
            characters[what] += len(text)
        element.decompose()

    for what, selector in AROUND.items():
        for element in soup.select(selector):
            if not element.decomposed and _is_around(what, element):
                leave(what, element)
    content = _main(soup)
    if content is None:
        content = soup.body or soup
        for element in list(_link_blocks(content)):
            if not element.decomposed:
                leave("block of links", element)
    else:
        kept = len(one_line(content.get_text(" ")))
        whole = len(one_line((soup.body or soup).get_text(" ")))
        if whole > kept:
            left["outside the main content"] = 1
            characters["outside the main content"] = whole - kept
    heading = content.find("h1")
    return (
        markdown(content),
        one_line(heading.get_text(" ")) if heading else title,
        left,
        characters,
    )


def _is_around(what: str, element: Tag) -> bool:
    if what == "hidden text" and "style" in element.attrs and "hidden" not in element.attrs:
        return bool(_HIDDEN_STYLE.search(str(element["style"])))
    inside = element.find_parent(["main", "article"]) is not None
    if what == "aside":  # handbooks put their notes into asides
        return not (inside and _NOTE.search(f"{element.get('class')} {element.get('role')}"))
    if what == "page header":
        return not inside and element.find(["main", "article", "h1"]) is None
    return not (what == "page footer" and element.find(["main", "article"]))


def _main(soup: BeautifulSoup) -> Tag | None:
    for selector in ("main, [role=main]", "article"):
        found = soup.select(selector)
        outer = [each for each in found if not any(each in other.descendants for other in found)]
        if len(outer) == 1 and one_line(outer[0].get_text(" ")):
            return outer[0]
    return None


def _link_blocks(content: Tag) -> Iterator[Tag]:
    for block in content.find_all(["ul", "ol", "div", "p", "section"]):
        links = block.find_all("a")
        whole = sum(map(str.isalnum, block.get_text()))
        linked = sum(sum(map(str.isalnum, link.get_text())) for link in links)
        if len(links) >= FEWEST_LINKS and linked > LINK_SHARE * whole:
            yield block


def markdown(content: Tag) -> str:
    """An element as Markdown: headings, lists and code as such, each row of a table as a line."""
    for string in content.find_all(string=True):
        if string.find_parent(["pre", "textarea"]) is None:
            string.replace_with(NavigableString(re.sub(r"\s+", " ", string)))
    for summary in content.find_all("summary"):
        summary.name = "p"
    for table in reversed(content.find_all("table")):  # those inside others first
        _flatten(table)
    converter = MarkdownConverter(
        heading_style="atx",
        bullets="-",
        strip=INLINE,
        escape_asterisks=False,
        escape_underscores=False,
        escape_misc=False,
    )
    text = re.sub(r"[ \t]+\n", "\n", f"{converter.convert_soup(content)}\n")
    return re.sub(r"\n{3,}", "\n\n", text)


def _flatten(table: Tag) -> None:
    """Put a list of the rows in the place of a table; one that only arranges a page is taken apart."""
    rows = [row for row in table.find_all("tr") if row.find(["td", "th"])]
    if (
        table.find(_HEADINGS)
        or table.get("role") == "presentation"
        or max(_widths(rows), default=0) < 2
    ):
        for element in [table, *table.find_all(["tbody", "thead", "tfoot", "tr", "td", "th"])]:
            element.name = "div"
        return
    heads = 0
    while heads < len(rows) and _is_head(rows[heads]):
        heads += 1
    grid = _grid(rows)
    header: list[str] | None = [
        one_line(" ".join(dict.fromkeys(names))) for names in zip(*grid[:heads], strict=True)
    ]
    body = grid[heads:]
    if not heads or not body:
        header, body = (grid[0], grid[1:]) if _is_named(rows, grid) else (None, grid)
    if table.find_parent("table") is not None:
        lines = as_lines("", header, body)
        table.replace_with(NavigableString("; ".join(line.removeprefix("- ") for line in lines)))
        return
    caption = table.find("caption")
    above = caption or table.find_previous(_HEADINGS)
    heading = one_line(above.get_text(" ")) if above else ""
    maker = BeautifulSoup("", "html.parser")
    listed = maker.new_tag("ul")
    for line in as_lines(heading, header, body):
        item = maker.new_tag("li")
        item.string = line.removeprefix("- ")
        listed.append(item)
    table.replace_with(listed)


def _widths(rows: list[Tag]) -> list[int]:
    return [len(row.find_all(["td", "th"])) for row in rows]


def _is_head(row: Tag) -> bool:
    cells = row.find_all(["td", "th"])
    return row.find_parent("thead") is not None or all(cell.name == "th" for cell in cells)


def _is_named(rows: list[Tag], grid: list[list[str]]) -> bool:
    def bold(row: Tag) -> bool:
        return all(cell.find(["b", "strong"]) for cell in row.find_all(["td", "th"]))

    return len(rows) > 1 and (
        first_is_header(grid) or (bold(rows[0]) and not any(map(bold, rows[1:])))
    )


def _grid(rows: list[Tag]) -> list[list[str]]:
    """The texts of the cells; one that spans rows or columns is repeated."""
    grid: dict[tuple[int, int], str] = {}
    for y, row in enumerate(rows):
        x = 0
        for cell in row.find_all(["td", "th"]):
            while (y, x) in grid:
                x += 1
            # What is in a cell side by side, such as paragraphs or an inner table, stays apart.
            text = one_line(cell.get_text(" "))
            for down in range(min(_span(cell, "rowspan"), len(rows) - y)):
                for right in range(_span(cell, "colspan")):
                    grid[y + down, x + right] = text
            x += _span(cell, "colspan")
    width = max((x for _, x in grid), default=-1) + 1
    return [[grid.get((y, x), "") for x in range(width)] for y in range(len(rows))]


def _span(cell: Tag, name: str) -> int:
    given = str(cell.get(name, "1"))
    return min(max(int(given), 1), 100) if given.isdecimal() else 1
