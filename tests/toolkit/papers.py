"""Documents as people have them, good and bad, made here: no file of a foreign program is kept."""

import io
import zipfile
from pathlib import Path

SENTENCE = "The boiler of house {number} is serviced every spring by the janitor."
# What every good document says; the number tells which one it is.
GOOD = ("guide.md", "note.txt", "manual.rst", "page.html", "leaflet.pdf", "letter.docx")
# Bad ones, with a word that the reason for setting them aside has to hold.
BAD = {
    "bad/empty.md": "empty",
    "bad/blank.txt": "no text",
    "bad/picture.txt": "not text",
    "bad/scan.pdf": "no text",
    "bad/torn.pdf": "damaged",
    "bad/renamed.pdf": "damaged",
    "bad/renamed.docx": "Word",
    "bad/archive.docx": "Word",
    "bad/torn.docx": "Word",
}
OTHER = ("table.xlsx", "photo.png")


def sentence(number: int) -> str:
    """What the good document of that number says."""
    return SENTENCE.format(number=number)


def write(folder: Path) -> Path:
    """Write all of them: the good ones, the bad ones, and two of other kinds."""
    text = {name: sentence(number) for number, name in enumerate(GOOD)}
    for name in ("guide.md", "note.txt"):
        _put(folder / name, f"# {name}\n\n{text[name]}\n".encode())
    _put(folder / "manual.rst", f"Manual\n======\n\n{text['manual.rst']}\n".encode())
    _put(folder / "page.html", html(text["page.html"]))
    _put(folder / "leaflet.pdf", pdf(text["leaflet.pdf"]))
    _put(folder / "letter.docx", docx(text["letter.docx"]))
    for name, content in _bad().items():
        _put(folder / name, content)
    for name in OTHER:
        _put(folder / name, b"of another kind")
    return folder


def html(text: str) -> bytes:
    """A page with what is no text of it: a script, a style, a comment."""
    return (
        "<!doctype html><html><head><title>Page</title><style>p { color: red }</style>"
        "<script>var hidden = 'SCRIPTED';</script></head><body><!-- COMMENTED -->"
        f"<h1>Page</h1><p>{text.replace(' is ', ' <b>is</b> ')} Caf&eacute; &amp; bar.</p></body></html>"
    ).encode()


def pdf(text: str) -> bytes:
    """A PDF of one page with one line of Latin text (none: a page as a scanner makes it)."""
    return pages([[(72, 720, text)]] if text else [[]])


def pages(lines: list[list[tuple[int, int, str]]], turned: bool = False) -> bytes:
    """A PDF with a page for each list of lines of Latin text, drawn at x and y in their order.

    `turned` draws them upwards.
    """
    streams = []
    for page in lines:
        drawn = []
        for x, y, text in page:
            line = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            matrix = f"0 1 -1 0 {x} {y}" if turned else f"1 0 0 1 {x} {y}"
            drawn.append(f"BT /F1 12 Tf {matrix} Tm ({line}) Tj ET")
        streams.append("\n".join(drawn).encode("cp1252"))
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(streams)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids.encode(), len(streams)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, stream in enumerate(streams):
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * number),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    return content + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, table, len(objects) + 1, len(content))
    )


def docx(text: str, cells: tuple[str, ...] = ("Floor", "Third")) -> bytes:
    """A Word document: a paragraph in two runs, then a table of one row."""
    half = len(text) // 2
    runs = "".join(f"<w:r>{_t(part)}</w:r>" for part in (text[:half], text[half:]))
    return word(f"<w:p>{runs}</w:p>{rows([cells])}")


def rows(lines: list[tuple[str, ...]]) -> str:
    """A table of Word; a cell that begins with `<w:` is taken as it is."""
    grid = "<w:gridCol/>" * len(lines[0])
    body = "".join(
        f"<w:tr>{''.join(f'<w:tc>{paragraph(cell)}</w:tc>' for cell in line)}</w:tr>"
        for line in lines
    )
    return f"<w:tbl><w:tblPr/><w:tblGrid>{grid}</w:tblGrid>{body}</w:tbl>"


def paragraph(text: str, style: str = "") -> str:
    """A paragraph of Word; text that begins with `<w:` is taken as it is."""
    if text.startswith("<w:"):
        return text
    kind = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{kind}<w:r>{_t(text)}</w:r></w:p>"


def _t(text: str) -> str:
    return f'<w:t xml:space="preserve">{text}</w:t>'


def word(body: str, **others: str) -> bytes:
    """A Word document with this body, and other parts of its folder by name, such as `header1`."""
    main = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml"
    links = "".join(
        f'<Relationship Id="r{name}" Type="{office}/{name.rstrip("0123456789")}" Target="{name}.xml"/>'
        for name in others
    )
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{kind}.document.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="word/document.xml"/></Relationships>',
        "word/_rels/document.xml.rels": f'<Relationships xmlns="{package}/relationships">{links}'
        "</Relationships>",
        "word/document.xml": f'<w:document xmlns:w="{main}"><w:body>{body}</w:body></w:document>',
    }
    for name, content in others.items():
        parts[f"word/{name}.xml"] = f'<w:part xmlns:w="{main}">{content}</w:part>'
    return _zip({name: f'<?xml version="1.0"?>{xml}'.encode() for name, xml in parts.items()})


def _bad() -> dict[str, bytes]:
    whole = pdf(sentence(90))
    letter = docx(sentence(91))
    return {
        "bad/empty.md": b"",
        "bad/blank.txt": b" \n\t\n",
        "bad/picture.txt": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1",
        "bad/scan.pdf": pdf(""),
        "bad/torn.pdf": whole[:40],
        "bad/renamed.pdf": b"This is a plain text that somebody renamed.",
        "bad/renamed.docx": b"This is a plain text that somebody renamed.",
        "bad/archive.docx": _zip({"readme.txt": b"an archive, but no letter"}),
        "bad/torn.docx": letter[: len(letter) // 2],
    }


def _zip(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
