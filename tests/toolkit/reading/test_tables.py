"""Files and databases: what can be read is read, what cannot is named with its remedy."""

import gzip
import os
import sqlite3

import duckdb
import pandas as pd
import pytest
from toolkit.project.errors import UserError
from toolkit.reading import database, tables
from toolkit.reading.settings import Data

CITIES = [("Zürich", 1.5, "a,b"), ("São Paulo", 2.25, 'say "hi"'), ("Gdańsk", -3.0, "two\nlines")]
FRAME = pd.DataFrame(CITIES, columns=["city", "größe (m)", "class"])


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_any_delimiter_and_encoding(tmp_path, delimiter, encoding):
    path = tmp_path / "t.csv"
    path.write_bytes(FRAME.to_csv(sep=delimiter, index=False).encode(encoding))
    frame = tables.read_file(path).frame
    assert frame.to_numpy().tolist() == FRAME.astype({"größe (m)": str}).to_numpy().tolist()


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1251", "Москва Санкт-Петербург Новосибирск"),
        ("shift_jis", "東京都 大阪府 北海道 沖縄県 名古屋市 横浜市"),
        ("gb18030", "北京市 上海市 广州市 深圳市 成都市 重庆市 杭州市"),
    ],
)
def test_other_scripts_without_utf8(tmp_path, encoding, words):
    path = tmp_path / "t.csv"
    text = "name,x\n" + "".join(f"{word},1\n" for word in words.split() * 5)
    path.write_bytes(text.encode(encoding))
    assert tables.read_file(path).frame["name"][0] == words.split()[0]


@pytest.mark.parametrize("times", [1, 40])
@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("cp1252", "São Brasília"),
        ("cp1252", "niño España Málaga"),
        ("cp1252", "Malmö Skåne Göteborg"),
        ("cp1252", "København Rødovre"),
        ("cp1250", "Łódź Kraków Gdańsk"),
        ("cp1250", "Plzeň Třebíč"),
        ("cp1250", "Győr Székesfehérvár Gödöllő"),
    ],
)
def test_latin_letters_are_those_of_one_language(tmp_path, encoding, words, times):
    path = tmp_path / "t.csv"
    text = "name,x\n" + "".join(f"{word},1\n" for word in words.split() * times)
    path.write_bytes(text.encode(encoding))
    assert tables.read_file(path).frame["name"].tolist() == words.split() * times


def test_western_letters_without_utf8_are_windows_1252(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(("name,price\nCafé,5 €\n" + 30 * "Größe,6 €\n").encode("cp1252"))
    table = tables.read_file(path)
    assert table.frame["name"].tolist()[:2] == ["Café", "Größe"]
    assert "cp1252" in table.warnings[0].detail
    assert table.warnings[0].examples == ["Caf\u00e9", "Gr\u00f6\u00dfe"]


def test_cells_stay_as_they_are_written(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a;b;c\n1,5;x,y;1.234,5\n;z;2\n-2,25;w;3,0\n")
    frame = tables.read_file(path).frame
    assert frame["a"].tolist() == ["1,5", "", "-2,25"]
    assert frame["b"].tolist() == ["x,y", "z", "w"]


def test_quotes_escaped_by_a_backslash_are_read_as_quotes(tmp_path):
    path = tmp_path / "t.csv"
    good = "".join(f'{i},"said \\\\ \\"no, {i}\\"",u\n' for i in range(9))
    path.write_text("a,b,c\n" + good)
    table = tables.read_file(path)
    assert table.frame.columns.tolist() == ["a", "b", "c"]
    assert table.frame["b"][8] == 'said \\ "no, 8"'
    path.write_text("a,b,c\n" + good + '9,"\\"",u,x\n')
    with pytest.raises(UserError, match="line 11: 4 fields where the header has 3"):
        tables.read_file(path)


def test_a_backslash_before_the_closing_quote_is_one(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text('a,b\n"C:\\temp\\",1\n"{""x"": ""\\""y""}",2\n')
    assert tables.read_file(path).frame["a"].tolist() == ["C:\\temp\\", '{"x": "\\"y"}']


def test_an_excel_separator_line_of_a_tab_is_no_preamble(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("sep=\t\na\tb\n1\t2\n")
    assert not tables.read_file(path).warnings


ROWS = [(f"r{i}", i, 10 * i, "uv"[i % 2]) for i in range(60)]


def lines(rows, delimiter=",", end=""):
    return "".join(delimiter.join(map(str, row)) + end + "\n" for row in rows)


@pytest.mark.parametrize("names", [("y", "a", "b"), ("a", "b", "y")])
def test_an_empty_field_behind_the_last_delimiter_is_dropped(tmp_path, names):
    header, rows = ",".join(names), [row[1:] for row in ROWS]
    (tmp_path / "t.csv").write_text(f"{header}\n" + lines(rows, end=","))
    frame = tables.read_file(tmp_path / "t.csv").frame
    assert list(frame) == list(names)
    assert frame.iloc[7].tolist() == ["7", "70", "v"]
    some = "".join(
        line + ("," if i % 2 else "") + "\n" for i, line in enumerate(lines(rows).split())
    )
    (tmp_path / "t.csv").write_text(f"{header}\n{some}")
    assert tables.read_file(tmp_path / "t.csv").frame.equals(frame)
    wider = lines(rows, end=",").replace("\n40,400,u,", "\n40,400,u,more")
    (tmp_path / "t.csv").write_text(f"{header}\n{wider}")
    with pytest.raises(UserError, match="line 42: 4 fields where the header has 3"):
        tables.read_file(tmp_path / "t.csv")


def test_row_names_come_first_and_are_unique(tmp_path):
    (tmp_path / "t.csv").write_text("a,b,y\n" + lines(ROWS))
    assert list(tables.read_file(tmp_path / "t.csv").frame) == ["Unnamed: 0", "a", "b", "y"]
    (tmp_path / "t.csv").write_text("a,b,y\n" + lines(("r", *row[1:]) for row in ROWS))
    with pytest.raises(UserError, match="line 2: 4 fields where the header has 3"):
        tables.read_file(tmp_path / "t.csv")


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_line_in_which_excel_names_the_delimiter(tmp_path, first):
    (tmp_path / "t.csv").write_text(f"{first}\nname, short;x\nA, B;1\nC, D;2\n")
    table = tables.read_file(tmp_path / "t.csv")
    assert list(table.frame) == ["name, short", "x"]
    assert not table.warnings
    assert table.where(1) == "line 4"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_before_the_header_are_named_and_rows_keep_their_line(tmp_path, encoding):
    text = 'Sales 2024\nPrinted on Monday\n\na,b\n1,"two\nlines"\n\n2,x\n'
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    table = tables.read_file(tmp_path / "t.csv")
    assert table.frame.to_numpy().tolist() == [["1", "two\nlines"], ["2", "x"]]
    said = next(w for w in table.warnings if w.kind == "preamble")
    assert "Lines 1, 2 " in said.detail
    assert said.examples == ["Sales 2024", "Printed on Monday"]
    assert [table.where(row) for row in (0, 1)] == ["line 6", "line 8"]


def test_gzip_limit_and_row_names(tmp_path):
    text = "a,b\n" + "".join(f"{i},{i}\n" for i in range(1000))
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert len(tables.read_file(tmp_path / "t.csv.gz", limit=7).frame) == 7
    (tmp_path / "r.csv").write_text('"x","y"\n"1",2,3\n"2",4,5\n')
    assert list(tables.read_file(tmp_path / "r.csv").frame) == ["Unnamed: 0", "x", "y"]


def test_parquet(tmp_path):
    path = tmp_path / "t.parquet"
    FRAME.to_parquet(path)
    pd.testing.assert_frame_equal(tables.read_file(path).frame, FRAME, check_dtype=False)
    assert len(tables.read_file(path, limit=2).frame) == 2
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UserError, match="damaged Parquet"):
        tables.read_file(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n \n", "empty"),
        (b"a,b,c\n", "no rows"),
        (b"a,b,a\n1,2,3\n", "more than one column called 'a'"),
        (b"a b c\n1 2 3\n", "only one column.*comma, semicolon, tab, pipe"),
        (b"a,b\n1,2\n1,2,3\n", "line 3: 3 fields where the header has 2"),
        (b"1,2\n3,4\n", "numbers.*not column names"),
        (b'[{"a": 1, "b": 2}]', "is JSON, not a table"),
        (b"<html><table><tr><td>a</td></tr></table></html>", "is HTML or XML, not a table"),
        (b"\x89PNG\r\n\x1a\n0000000000", "PNG image"),
        (b"PK\x03\x04xxxxxxxxxxxxxxxxxxxx", "xlsx.*save the sheet as CSV"),
        (b"\x1f\x8b\x08broken", "damaged gzip"),
        (bytes(range(256)) * 20, "a binary file"),
        (b"".join(i.to_bytes(8, "little") for i in range(500)), "a binary file"),
    ],
)
def test_what_is_no_table_is_named(tmp_path, content, words):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(UserError, match=f"(?s)t.csv.*{words}|{words}"):
        tables.read_file(tmp_path / "t.csv")


def test_missing_files_and_folders(tmp_path):
    (tmp_path / "mine.csv").write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match=r"Did you mean mine\.csv"):
        tables.read_file(tmp_path / "mien.csv")
    with pytest.raises(UserError, match=r"is a folder.*mine\.csv"):
        tables.read_file(tmp_path)
    with pytest.raises(UserError, match=r"`data\.path` is not set"):
        tables.load(Data(source="file", target="a"), tmp_path, None)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_file_that_may_not_be_read(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    path.chmod(0)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        tables.read_file(path)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_short_memory_says_what_helps(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"t.{suffix}"
    frame = pd.DataFrame({"small": range(1000), "large": [f"{i:0200}x" for i in range(1000)]})
    frame.to_csv(path, index=False) if suffix == "csv" else frame.to_parquet(path)
    monkeypatch.setattr(tables, "available_memory", lambda: 100_000)
    with pytest.raises(UserError, match=r"needs about.*are free.*data\.limit.*Parquet"):
        tables.read_file(path)
    assert len(tables.read_file(path, limit=10).frame) == 10


@pytest.fixture
def project(tmp_path):
    (tmp_path / "q.sql").write_text("-- all rows\nSELECT * FROM t ORDER BY a;\n")
    return tmp_path


def from_sql(project, address, query="q.sql", limit=None):
    data = Data(source="sql", query=query, target="a", limit=limit)
    return tables.load(data, project, address)


def test_sqlite_and_duckdb(project):
    with sqlite3.connect(project / "t.db") as connection:
        connection.execute("CREATE TABLE t (a INT, b TEXT)")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "50 % : x"), (2, None)])
    with duckdb.connect(str(project / "t.duckdb")) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT * FROM (VALUES (1, '50 %'), (2, NULL)) v(a, b)"
        )
    for address in (f"sqlite:///{project}/t.db", f"duckdb:///{project}/t.duckdb"):
        table = from_sql(project, address)
        assert table.frame["a"].tolist() == [1, 2]
        assert len(from_sql(project, address, limit=1).frame) == 1
        (project / "none.sql").write_text("SELECT * FROM t WHERE a > 5")
        with pytest.raises(UserError, match="returns no rows"):
            from_sql(project, address, "none.sql")
        (project / "bad.sql").write_text("SELECT * FROM nowhere")
        with pytest.raises(UserError, match=r"refuses bad\.sql.*nowhere"):
            from_sql(project, address, "bad.sql")
        (project / "make.sql").write_text("CREATE TEMP TABLE u (a INT)")
        with pytest.raises(UserError, match=r"returns no (table|rows)"):
            from_sql(project, address, "make.sql")
        (project / "twice.sql").write_text("SELECT a, b AS a FROM t")
        with pytest.raises(UserError, match="more than one column called 'a'"):
            from_sql(project, address, "twice.sql")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (None, "DATABASE_URL is not set"),
        ("nonsense", "not an address"),
        ("mysql://u:hidden-word@host/db", "known are sqlite, duckdb, postgresql"),
        ("sqlite:///nowhere.db", r"nowhere\.db.*is not there"),
        ("postgresql://u:hidden-word@127.0.0.1:1/db", "cannot be reached"),
        ("postgres://u:hidden-word@127.0.0.1:1/db", "cannot be reached"),
    ],
)
def test_databases_out_of_reach_are_named_without_the_password(project, address, words):
    with pytest.raises(UserError, match=words) as refused:
        from_sql(project, address)
    assert "hidden-word" not in str(refused.value)
    if address and "@" in address and "postgres" in address:
        assert "hidden-word" not in database.describe(address)


def test_query_files(project):
    with pytest.raises(UserError, match=r"nowhere\.sql cannot be read"):
        from_sql(project, "sqlite:///t.db", "nowhere.sql")
    (project / "empty.sql").write_text("-- nothing\n;\n")
    with pytest.raises(UserError, match=r"empty\.sql is empty"):
        from_sql(project, "sqlite:///t.db", "empty.sql")


def test_intervals_are_seconds_from_every_source(project):
    seconds = [5400.0, 172_800.0]
    spans = pd.to_timedelta(seconds, unit="s")
    pd.DataFrame({"a": spans}).to_parquet(project / "t.parquet")
    data = Data(source="file", path="t.parquet", target="a")
    assert tables.load(data, project, None).frame["a"].tolist() == seconds
    with duckdb.connect(str(project / "t.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM (VALUES (INTERVAL 90 MINUTE), "
                           "(INTERVAL 2 DAY), (NULL)) v(a)")  # fmt: skip
    frame = from_sql(project, f"duckdb:///{project}/t.duckdb").frame
    assert frame["a"].dropna().tolist() == seconds
