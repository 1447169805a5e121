"""Find out how a CSV file is written (encoding, delimiter, header), then read it as texts."""

import codecs
import csv
import gzip
import io
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import charset_normalizer
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ..profiling.warnings import TableWarning
from ..project.errors import UserError
from .arrow import first_rows, refuse_duplicates

GZIP = b"\x1f\x8b"
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
SAMPLE_BYTES = 1 << 18
BLOCK = 1 << 24
BOMS = [  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
]  # fmt: skip
# Another script shows once there are letters enough. Among the Latin ones that is a coin toss; there
# the letters within words tell, which are those of one language. On a tie it is the first one.
# fmt: off
CENTRAL = (
    "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ",
)
ALPHABETS = {
    "cp1252": (
        "äöüß", "áéíñóúü", "áâãàçéêíóôõú", "àâæçéèêëîïôœùûüÿ", "åäöé", "æøåé", "àèéìòù",
        "áðéíóúýþæö", "àçèéíïòóúü", "²³°",
    ),
    "cp1250": CENTRAL,
    "iso8859_2": CENTRAL,
}
OTHERS = {
    "cp1251", "koi8_r", "koi8_u", "cp866", "mac_cyrillic", "iso8859_5",
    "cp1253", "iso8859_7", "cp1255", "cp1256", "cp874", "tis_620", "shift_jis", "cp932",
    "euc_jp", "gb18030", "gbk", "gb2312", "big5", "cp949", "euc_kr",
}
# fmt: on
ENOUGH_LETTERS = 30
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
MOST_CONTROL = 0.02  # share of the characters; a stray one happens in exports
MOST_PREAMBLE = 30  # lines
NUMBER = re.compile(r"\s*[-+]?\d+([.,]\d*)?(e[-+]?\d+)?\s*", re.IGNORECASE)
# A quote within a quoted field that a backslash escapes, as databases export, not a second quote.
OTHER_TEXT = re.compile(r'\s*(<(?:!|\?xml|html|table)|\[\s*[\[{]|\{\s*")', re.IGNORECASE)
ESCAPED = re.compile(r'(?:^|[,;\t|])"[^"]*\\"[^",;\t|\r\n]', re.MULTILINE)
SEP = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # Excel's way to name the delimiter


def _open(path: Path, zipped: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path)) if zipped else path.open("rb")


def encoding_of(path: Path, zipped: bool) -> str:
    """Name the encoding: by its mark, as UTF-8 if every byte agrees, else the likeliest."""
    with _open(path, zipped) as file:
        head = file.read(SAMPLE_BYTES)
        for mark, name in BOMS:
            if head.startswith(mark):
                return name
        odd, even = head[1::2].count(0), head[::2].count(0)
        if max(odd, even) > len(head) / 5:
            return "utf-16-le" if odd > even else "utf-16-be"
        decoder = codecs.getincrementaldecoder("utf-8")()
        block = head
        try:
            while block:
                decoder.decode(block)
                previous, block = block, file.read(BLOCK)
            decoder.decode(b"", final=True)
            return "utf-8"
        except UnicodeDecodeError:
            return _likeliest(block or previous)


def _likeliest(block: bytes) -> str:
    """Guess from the lines that hold more than ASCII."""
    telling = b"\n".join(line for line in block.splitlines() if not line.isascii())[:SAMPLE_BYTES]
    # A broken character or two in a text that is UTF-8 otherwise.
    replaced = telling.decode("utf-8", "replace")
    if sum(c > "\x7f" and c != "\ufffd" for c in replaced) > 10 * replaced.count("\ufffd"):
        return "utf-8"
    best = charset_normalizer.from_bytes(telling).best()
    letters = sum(byte > 127 for byte in telling)
    if best is not None and best.encoding in OTHERS and letters >= ENOUGH_LETTERS:
        return "cp1251" if best.encoding == "mac_cyrillic" else best.encoding

    def fitting(name: str) -> int:
        text = telling.decode(name, "replace").lower()
        found = re.findall(r"(?<=[a-z])[^\x00-\x7f]|[^\x00-\x7f](?=[a-z])", text)
        return max(sum(map(alphabet.count, found)) for alphabet in ALPHABETS[name])

    name = max(ALPHABETS, key=fitting)
    return "latin-1" if "\ufffd" in telling.decode(name, "replace") else name


Row = tuple[int, list[str]]  # the line it ends on, and its fields


@dataclass
class Layout:
    """How a CSV file is laid out; `skipped` lines stand before the header.

    `extra` says what a field more than the header has is: an empty one behind the last delimiter,
    or the row names that R writes first and without a name.
    """

    encoding: str
    delimiter: str
    skipped: int
    header: list[str]
    rows: list[list[str]]
    extra: Literal["", "trailing", "names"] = ""
    escaped: bool = False

    @property
    def fields(self) -> list[str]:
        """The names of all fields of a row."""
        return [""] * (self.extra == "names") + self.header + [""] * (self.extra == "trailing")


def _sample_rows(text: str, delimiter: str, whole: bool) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        rows = [(reader.line_num, row) for row in itertools.islice(reader, 500) if row]
    except csv.Error:
        return []
    return rows if whole or len(rows) < 3 else rows[:-1]  # the last one may be cut


def _table_in(rows: list[Row]) -> tuple[tuple[bool, float, int], list[Row]]:
    """Score how well a delimiter fits by header, likeness and width of the rows; return those.

    Lines that have fewer than two fields, or half of the usual ones, stand before the header.
    """
    widths = [len(row) for _, row in rows]
    if not widths:
        return (False, 0.0, 0), rows
    usual = max(widths, key=lambda width: (widths.count(width), width == widths[0]))
    filled = [sum(bool(field.strip()) for field in row) for _, row in rows]
    start = next((i for i, n in enumerate(filled) if n >= max(2, usual / 2)), len(rows))
    kept = rows[start:]
    if not kept or start > MOST_PREAMBLE:
        return (False, 0.0, 0), rows
    share, width = round(widths[start:].count(usual) / len(kept), 1), len(kept[0][1])
    return (start == 0 and abs(width - usual) < 2, share, min(usual, width)), kept


def delimiter_of(text: str, whole: bool, name: str) -> tuple[str, list[Row]]:
    """Pick the delimiter that gives most rows the same number of fields, more than one.

    Raises
    ------
    UserError
        If every delimiter leaves one column.
    """
    lines = text.splitlines()
    if lines and (said := SEP.fullmatch(lines[0])):
        return said[1], _sample_rows(text, said[1], whole)[1:]
    best, best_score, best_rows = "", (False, 0.0, 1), list[Row]()
    for delimiter in DELIMITERS:
        score, rows = _table_in(_sample_rows(text, delimiter, whole))
        if score[2] > 1 and score > best_score:
            best, best_score, best_rows = delimiter, score, rows
    if best:
        return best, best_rows
    line = lines[0] if lines else ""
    tried = ", ".join(DELIMITERS.values())
    raise UserError(
        f"{name} has only one column, {line[:80]!r}, with each of the delimiters tried ({tried}). "
        "Save it again with one of them."
    )


def _unescaped(text: str) -> str:
    """Quotes doubled instead of escaped by a backslash."""
    return re.sub(r'\\([\\"])', lambda found: found[1] * (1 + (found[1] == '"')), text)


def _layout(path: Path, zipped: bool, encoding: str) -> Layout:
    with _open(path, zipped) as file:
        raw = file.read(SAMPLE_BYTES + 1)
    whole = len(raw) <= SAMPLE_BYTES
    # A cut inside a two-byte character is dropped, not an error.
    text = raw.decode(encoding, "strict" if encoding == "latin-1" else "ignore").lstrip("\ufeff")
    if not text.strip():
        raise UserError(f"{path.name} is empty. Name a file with a header line and rows.")
    if other := OTHER_TEXT.match(text):
        raise UserError(
            f"{path.name} is {'HTML or XML' if other[1][0] == '<' else 'JSON'}, not a table. Save it as "
            "CSV (UTF-8) or Parquet."
        )
    if len(CONTROL.findall(text)) > MOST_CONTROL * len(text):
        raise UserError(
            f"{path.name} is a binary file, not a table of text. Name a CSV or Parquet file."
        )
    escaped = ESCAPED.search(text) is not None
    delimiter, found = delimiter_of(_unescaped(text) if escaped else text, whole, path.name)
    if not found:
        raise UserError(f"{path.name} has no header line. Add one, and rows below it.")
    (line, header), rows = found[0], [row for _, row in found[1:]]
    skipped = line - 1 - sum(h.count("\n") for h in header)
    layout = Layout(encoding, delimiter, skipped, header, rows, escaped=escaped)
    widths = {len(row) for row in rows}
    if widths == {len(header) - 1} and not header[-1].strip():
        header.pop()
    elif max(widths, default=0) == len(header) + 1:
        wider = [row for row in rows if len(row) > len(header)]
        if sum(not row[-1].strip() for row in wider) * 2 > len(wider):
            layout.extra = "trailing" if len(widths) == 1 else ""
        elif len(widths) == 1 and len({row[0] for row in rows}) == len(rows):
            layout.extra = "names"
    return layout


def _names(layout: Layout, name: str) -> list[str]:
    header = layout.fields
    refuse_duplicates([column for column in header if column.strip()], name)
    if len(header) > 1 and all(NUMBER.fullmatch(column) for column in header):
        raise UserError(
            f"The first line of {name} holds numbers ({', '.join(header[:4])}, ...), not column "
            "names. Add a header line."
        )
    return [column if column.strip() else f"Unnamed: {i}" for i, column in enumerate(header)]


def read(
    path: Path, zipped: bool, limit: int | None
) -> tuple[pd.DataFrame, list[TableWarning], Callable[[int], int]]:
    """Read a CSV file; every cell is a text, an empty one is "".

    Returns
    -------
    frame : DataFrame of str
    warnings : list of TableWarning
    line_of : callable
        From a row, counted from 0, to the line of the file where it ends.

    Raises
    ------
    UserError
        Naming the line where a row has more or fewer fields than the header.
    """
    encoding = encoding_of(path, zipped)
    layout = _layout(path, zipped, encoding)
    header, delimiter = layout.header, layout.delimiter
    spaced = len(header) > 1 and all(column.startswith(" ") for column in header[1:])
    if spaced:
        layout.header = [column.strip().strip('"') for column in header]
    names = _names(layout, path.name)
    warnings = _preamble(path.name, layout, zipped, path)
    source: io.BytesIO | BinaryIO = _open(path, zipped)
    if encoding not in ("utf-8", "utf-8-sig") or spaced or layout.escaped:
        with source:
            text = source.read().decode(encoding, "replace")
        if layout.escaped:
            text = _unescaped(text)
        if spaced:  # `a, "b, c"`: a quote counts only at the start of a field
            text = re.sub(re.escape(delimiter) + " +", delimiter, text)
        source = io.BytesIO(text.encode("utf-8"))
        if encoding not in ("utf-8", "utf-8-sig"):
            said = f"{path.name} is not UTF-8; it was read as {encoding}."
            words = dict.fromkeys(re.findall(r"\w*[^\W\x00-\x7f]\w*", text[:SAMPLE_BYTES]))
            warnings.append(TableWarning(None, "encoding", said, [*words], mended=True))
    reading = pa.csv.ReadOptions(
        column_names=names, skip_rows=layout.skipped, skip_rows_after_names=1, block_size=BLOCK
    )
    parsing = pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    converting = pa.csv.ConvertOptions(
        column_types={name: pa.large_string() for name in names},
        strings_can_be_null=False,
        check_utf8=False,
    )
    file = _File(path, zipped, layout)
    try:
        with source:
            if limit is None:
                table = pa.csv.read_csv(source, reading, parsing, converting)
            else:
                reader = pa.csv.open_csv(source, reading, parsing, converting)
                table = first_rows(reader, limit, reader.schema)
    except (pa.ArrowInvalid, EOFError, gzip.BadGzipFile) as error:
        table = file.row_by_row(names, limit, error)
    if not table.num_rows:
        raise UserError(f"{path.name} has a header line and no rows. Add rows below it.")
    table = _with_valid_text(table)
    if layout.extra:
        table = _without_extra(table, names, file)
    return table.to_pandas(), warnings, file.line_of


def _preamble(name: str, layout: Layout, zipped: bool, path: Path) -> list[TableWarning]:
    with _open(path, zipped) as raw:
        file = io.TextIOWrapper(raw, layout.encoding, "replace")
        lines = [line.strip(" \r\n") for line in itertools.islice(file, layout.skipped)]
    told = [(i, line) for i, line in enumerate(lines, 1) if line.strip("\ufeff,;\t| ")]
    told = [(i, line) for i, line in told if not SEP.fullmatch(line.lstrip("\ufeff"))]
    if not told:
        return []
    numbers = ", ".join(str(i) for i, _ in told)
    said = f"Line{'s' if len(told) > 1 else ''} {numbers} before the header of {name} left out."
    return [TableWarning(None, "preamble", said, [line for _, line in told], mended=True)]


def _without_extra(table: pa.Table, names: list[str], file: "_File") -> pa.Table:
    """Drop the empty field behind the last delimiter; row names stay if no two are alike."""
    if file.layout.extra == "names":
        if pc.count_distinct(table[0]).as_py() == len(table):
            return table
        raise file.wider(0)
    filled = pc.not_equal(pc.utf8_trim_whitespace(table[names[-1]]), "")
    if pc.any(filled).as_py():
        raise file.wider(pc.index(filled, True).as_py())
    return table.drop_columns([names[-1]])


class _File:
    """A CSV file that is read row by row, where the fast reader gives up or a line is asked for."""

    def __init__(self, path: Path, zipped: bool, layout: Layout) -> None:
        self.path, self.zipped, self.layout = path, zipped, layout

    def rows(self) -> Iterator[Row]:
        """All rows below the header, each with the line it ends on."""
        with _open(self.path, self.zipped) as raw:
            text: Any = io.TextIOWrapper(raw, self.layout.encoding, "replace", newline="")
            if self.layout.escaped:
                with text:
                    text = io.StringIO(_unescaped(text.read()), newline="")
            for _ in range(self.layout.skipped):
                text.readline()
            reader = csv.reader(text, delimiter=self.layout.delimiter)
            below = ((reader.line_num + self.layout.skipped, row) for row in reader if row)
            yield from itertools.islice(below, 1, None)

    def line_of(self, row: int) -> int:
        """The line on which a row ends."""
        return next(itertools.islice(self.rows(), row, None))[0]

    def wider(self, row: int) -> UserError:
        """Say that a row has more fields than the header."""
        line, fields = next(itertools.islice(self.rows(), row, None))
        return self._ragged(line, len(fields), len(self.layout.header))

    def row_by_row(self, names: list[str], limit: int | None, cause: Exception) -> pa.Table:
        """Read the rows in Python; an empty field behind the last one is dropped."""
        kept = []
        try:
            for line, row in itertools.islice(self.rows(), limit):
                if len(row) == len(names) + 1 and not row[-1].strip():
                    row.pop()
                if len(row) != len(names):
                    raise self._ragged(line, len(row), len(names))
                kept.append(row)
        except (csv.Error, EOFError, OSError) as error:
            cause, kept = error, []
        if not kept:
            said = f"{self.path.name} cannot be read as CSV: {cause}. Correct it and try again."
            raise UserError(said) from cause
        columns = zip(*kept, strict=True)
        return pa.table([pa.array(column, pa.large_string()) for column in columns], names)

    def _ragged(self, line: int, fields: int, width: int) -> UserError:
        delimiter = DELIMITERS.get(self.layout.delimiter, repr(self.layout.delimiter))
        return UserError(
            f"{self.path.name}, line {line}: {fields} fields where the header has {width} "
            f"(delimiter: {delimiter}). Quote a value that holds the delimiter, or correct the line."
        )


def _with_valid_text(table: pa.Table) -> pa.Table:
    """Replace bytes that are not UTF-8 (a stray one in an otherwise valid file)."""
    for position, name in enumerate(table.column_names):
        try:
            table.column(position).validate(full=True)
        except pa.ArrowInvalid:
            raw = table.column(position).cast(pa.large_binary()).to_pylist()
            texts = pa.array([cell.decode("utf-8", "replace") for cell in raw], pa.large_string())
            table = table.set_column(position, name, texts)
    return table
