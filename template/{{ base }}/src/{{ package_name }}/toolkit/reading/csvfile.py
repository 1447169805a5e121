"""Find out how a CSV file is written (encoding, delimiter, header), then read it as texts."""

import codecs
import csv
import gzip
import io
import itertools
import re
from pathlib import Path
from typing import BinaryIO, cast

import charset_normalizer
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from ..project.errors import UserError
from .arrow import first_rows, refuse_duplicates
from .parsing import MISSING

GZIP = b"\x1f\x8b"
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
SAMPLE_BYTES = 1 << 18
BLOCK = 1 << 24
BOMS = [  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]
# The guess between one-byte Western encodings is a coin toss that differs in a few letters, and
# Windows-1252 is what spreadsheets write: another one needs letters enough and a name of its own.
# fmt: off
OTHERS = {
    "cp1250", "iso8859_2", "cp1251", "koi8_r", "koi8_u", "cp866", "mac_cyrillic", "iso8859_5",
    "cp1253", "iso8859_7", "cp1255", "cp1256", "cp874", "tis_620", "shift_jis", "cp932",
    "euc_jp", "gb18030", "gbk", "gb2312", "big5", "cp949", "euc_kr",
}
# fmt: on
ENOUGH_LETTERS = 30
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
MOST_CONTROL = 0.02  # share of the characters; a stray one happens in exports
DECIMAL_COMMA = r"^\s*[-+]?(\d{1,3}(\.\d{3})+|\d+)(,\d+)?\s*$"


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
    try:
        western: str | None = telling.decode("cp1252")
    except UnicodeDecodeError:
        western = None
    best = charset_normalizer.from_bytes(telling).best()
    letters = sum(byte > 127 for byte in telling)
    if best is not None and best.encoding in OTHERS and letters >= ENOUGH_LETTERS:
        name = "cp1251" if best.encoding == "mac_cyrillic" else best.encoding
        if telling.decode(name, "replace") != western:  # of two that read alike, the usual one
            return name
    return "cp1252" if western is not None else "latin-1"


def _sample_rows(text: str, delimiter: str, whole: bool) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    try:
        rows = list(itertools.islice(csv.reader(lines, delimiter=delimiter), 500))
    except csv.Error:
        return []
    rows = [row for row in rows if row]
    return rows if whole or len(rows) < 3 else rows[:-1]  # the last one may be cut


def delimiter_of(text: str, whole: bool, name: str) -> str:
    """Pick the delimiter that gives most rows the same number of fields, more than one.

    Raises
    ------
    UserError
        If every delimiter leaves one column.
    """
    best, best_score = "", (0.0, 0)
    for delimiter in DELIMITERS:
        rows = _sample_rows(text, delimiter, whole)
        widths = [len(row) for row in rows]
        if not widths or widths[0] < 2:
            continue
        usual = max(set(widths), key=widths.count)
        score = (round(widths.count(usual) / len(widths), 1), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    if best:
        return best
    line = text.splitlines()[0] if text.splitlines() else ""
    tried = ", ".join(DELIMITERS.values())
    raise UserError(
        f"{name} has only one column, {line[:80]!r}, with each of the delimiters tried ({tried}). "
        "Save it again with one of them."
    )


def _layout(path: Path, zipped: bool, encoding: str) -> tuple[str, list[str], list[list[str]]]:
    with _open(path, zipped) as file:
        raw = file.read(SAMPLE_BYTES + 1)
    whole = len(raw) <= SAMPLE_BYTES
    # A cut inside a two-byte character is dropped, not an error.
    text = raw.decode(encoding, "strict" if encoding == "latin-1" else "ignore").lstrip("\ufeff")
    if not text.strip():
        raise UserError(f"{path.name} is empty. Name a file with a header line and rows.")
    if len(CONTROL.findall(text)) > MOST_CONTROL * len(text):
        raise UserError(
            f"{path.name} is a binary file, not a table of text. Name a CSV or Parquet file."
        )
    delimiter = delimiter_of(text, whole, path.name)
    rows = _sample_rows(text, delimiter, whole)
    return delimiter, rows[0], rows[1:]


def _names(header: list[str], rows: list[list[str]], name: str) -> list[str]:
    widths = [len(row) for row in rows]
    if widths and min(widths) == max(widths) == len(header) + 1:
        header = ["", *header]  # R writes no name above the row names
    refuse_duplicates([column for column in header if column.strip()], name)
    if len(header) > 1 and all(_is_number(column) for column in header):
        raise UserError(
            f"The first line of {name} holds numbers ({', '.join(header[:4])}, ...), not column "
            "names. Add a header line."
        )
    return [column if column.strip() else f"Unnamed: {i}" for i, column in enumerate(header)]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def shares(path: Path) -> tuple[list[str], list[float]]:
    """Column names of a CSV and each one's share of the bytes, estimated from its first rows."""
    with path.open("rb") as file:
        zipped = file.read(2) == GZIP
    _, header, rows = _layout(path, zipped, encoding_of(path, zipped))
    sizes = [sum(len(row[i]) + 1 for row in rows if i < len(row)) for i in range(len(header))]
    return header, [size / max(sum(sizes), 1) for size in sizes]


def read(
    path: Path, zipped: bool, limit: int | None, skip: list[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Read a CSV file; every cell is a text, an empty one is "".

    Returns
    -------
    frame : DataFrame of str
    warnings : list of str

    Raises
    ------
    UserError
        Naming the line where a row has more or fewer fields than the header.
    """
    encoding = encoding_of(path, zipped)
    delimiter, header, rows = _layout(path, zipped, encoding)
    spaced = len(header) > 1 and all(column.startswith(" ") for column in header[1:])
    if spaced:
        header = [column.strip().strip('"') for column in header]
    names = _names(header, rows, path.name)
    warnings = []
    source: io.BytesIO | BinaryIO = _open(path, zipped)
    if encoding not in ("utf-8", "utf-8-sig") or spaced:
        with source:
            text = source.read().decode(encoding, "replace")
        if spaced:  # `a, "b, c"`: a quote counts only at the start of a field
            text = re.sub(re.escape(delimiter) + " +", delimiter, text)
        source = io.BytesIO(text.encode("utf-8"))
        if encoding not in ("utf-8", "utf-8-sig"):
            warnings.append(f"{path.name} is not UTF-8; it was read as {encoding}.")
    reading = pa.csv.ReadOptions(column_names=names, skip_rows_after_names=1, block_size=BLOCK)
    parsing = pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    converting = pa.csv.ConvertOptions(
        column_types={name: pa.large_string() for name in names},
        strings_can_be_null=False,
        check_utf8=False,
        include_columns=[name for name in names if name not in skip],
    )
    try:
        with source:
            if limit is None:
                table = pa.csv.read_csv(source, reading, parsing, converting)
            else:
                table = _first(pa.csv.open_csv(source, reading, parsing, converting), limit)
    except (pa.ArrowInvalid, EOFError, gzip.BadGzipFile) as error:
        raise _malformed(path, zipped, encoding, delimiter, len(names), error) from error
    if not table.num_rows:
        raise UserError(f"{path.name} has a header line and no rows. Add rows below it.")
    table = _with_valid_text(table)
    if delimiter in ";\t":
        table = _with_decimal_points(table)
    return table.to_pandas(), warnings


def _first(reader: "pa.csv.CSVStreamingReader", limit: int) -> pa.Table:
    return first_rows(iter(reader), limit, reader.schema)


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


def _with_decimal_points(table: pa.Table) -> pa.Table:
    """Turn `1.234,5` into `1234.5` in columns where every value is written so."""
    for position, name in enumerate(table.column_names):
        column = table.column(position)
        first = column.slice(0, 1000)
        if not any(pc.any(pc.match_substring(part, ",")).as_py() for part in (first, column)):
            continue
        filled = pc.utf8_trim_whitespace(column)
        numeric = pc.or_(pc.match_substring_regex(column, DECIMAL_COMMA), _is_missing(filled))
        if pc.all(numeric).as_py():
            plain = pc.replace_substring(pc.replace_substring(column, ".", ""), ",", ".")
            kept = pc.if_else(_is_missing(filled), column, plain)
            table = table.set_column(position, name, kept)
    return table


def _is_missing(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.is_in(column, value_set=pa.array(sorted(MISSING), pa.large_string()))


def _malformed(
    path: Path, zipped: bool, encoding: str, delimiter: str, width: int, cause: Exception
) -> UserError:
    """Find the line that pyarrow could not read; it knows none when it reads in parallel."""
    try:
        with _open(path, zipped) as raw:
            reader = csv.reader(
                io.TextIOWrapper(raw, encoding, "replace", newline=""), delimiter=delimiter
            )
            for row in reader:
                if row and len(row) != width:
                    return UserError(
                        f"{path.name}, line {reader.line_num}: {len(row)} fields where the header "
                        f"has {width} (delimiter: {DELIMITERS[delimiter]}). Quote a value that "
                        "holds the delimiter, or correct the line."
                    )
    except (csv.Error, EOFError, OSError) as error:
        cause = error
    return UserError(f"{path.name} cannot be read as CSV: {cause}. Correct it and try again.")
